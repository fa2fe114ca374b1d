// SPDX-License-Identifier: Apache-2.0

package ember

import "github.com/embermetrics/ember/metric"

// What is sorted is sorted by sort.Sort, which every HTTP server has. sort.Slice sorts with
// code of its own and with reflection; package slices adds code for each type. Methods of
// values would be there twice, for their pointers have them too.

type pointsByText []point

func (l *pointsByText) Len() int           { return len(*l) }
func (l *pointsByText) Less(i, j int) bool { return (*l)[i].text < (*l)[j].text }
func (l *pointsByText) Swap(i, j int)      { (*l)[i], (*l)[j] = (*l)[j], (*l)[i] }

type callsByLabels []calledSeries

func (l *callsByLabels) Len() int           { return len(*l) }
func (l *callsByLabels) Less(i, j int) bool { return (*l)[i].labels < (*l)[j].labels }
func (l *callsByLabels) Swap(i, j int)      { (*l)[i], (*l)[j] = (*l)[j], (*l)[i] }

type familiesByName []*family

func (l *familiesByName) Len() int           { return len(*l) }
func (l *familiesByName) Less(i, j int) bool { return (*l)[i].written() < (*l)[j].written() }
func (l *familiesByName) Swap(i, j int)      { (*l)[i], (*l)[j] = (*l)[j], (*l)[i] }

type scrapedByName []*scrapeFamily

func (l *scrapedByName) Len() int           { return len(*l) }
func (l *scrapedByName) Less(i, j int) bool { return (*l)[i].written() < (*l)[j].written() }
func (l *scrapedByName) Swap(i, j int)      { (*l)[i], (*l)[j] = (*l)[j], (*l)[i] }

// labelsByName is in order by name, but for the label that is called last, if that is set.
type labelsByName struct {
	list []metric.Label
	last string
}

func (l *labelsByName) Len() int { return len(l.list) }

func (l *labelsByName) Less(i, j int) bool {
	a, b := l.list[i].Name, l.list[j].Name
	if l.last != "" && (a == l.last || b == l.last) {
		return b == l.last && a != l.last
	}
	return a < b
}

func (l *labelsByName) Swap(i, j int) { l.list[i], l.list[j] = l.list[j], l.list[i] }
