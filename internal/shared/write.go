// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"errors"
	"sync"

	"github.com/embermetrics/ember/internal/cellfile"
)

// FamilyWriter adds series of one family to the file of this process.
type FamilyWriter struct {
	dir   *Dir
	key   []byte // the definition
	names int    // of labels
	words int

	mu  sync.Mutex
	at  int64 // where the definition is in the file; 0: not there yet
	bad string
}

// Family returns what adds series of a family: for the same definition the same. It never
// fails. What is wrong with the definition, or if there is no place for it, shows in that
// there is no place for its series.
func (d *Dir) Family(f *Family) *FamilyWriter {
	key := f.encode(nil, 0)
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.families[string(key)]
	if w == nil {
		w = &FamilyWriter{dir: d, key: key, names: len(f.Labels), words: f.words()}
		_, _, w.bad = decodeFamily(key) // what readers would not take
		d.families[string(key)] = w
	}
	return w
}

// Series is the record of one series. The zero Series has no words, and Retire does
// nothing.
type Series struct{ record cellfile.Record }

// Words returns the words, which never move and are updated atomically.
func (s Series) Words() []uint64 { return s.record.Words }

// Retire ends the series, at one atomic store: no reader sees it any more, nor what is
// attached to it. Its words stay valid memory.
func (s Series) Retire() {
	if s.record.Words != nil {
		s.record.Retire()
	}
}

// Series adds a series with the values of its labels and a number of words, the first of
// which are given and the others zero. It returns false if there is no place, which is
// counted, and logged the first time; a later call may succeed. A series that is added
// twice is two, which are added up.
//
// It panics if there are not as many values as labels, or not as many words as the kind
// of the family has.
func (f *FamilyWriter) Series(values []string, words int, first ...uint64) (Series, bool) {
	if len(values) != f.names || words != f.words {
		panic("ember: a series must have a value for each label, and the words of its kind")
	}
	if f.dir.file == nil {
		return Series{}, false
	}
	at, err := f.place()
	if err == nil {
		var r cellfile.Record
		if r, err = f.dir.file.Add(KindSeries, seriesKey(make([]byte, 0, 128), at, values), words, first...); err == nil {
			return Series{r}, true
		}
	}
	f.dir.noPlace.Add(1)
	f.dir.sayFull(err)
	return Series{}, false
}

// place returns where the definition is, after adding it if need be.
func (f *FamilyWriter) place() (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad != "" {
		return 0, errors.New("ember: " + f.bad)
	}
	if f.at == 0 {
		r, err := f.dir.file.Add(KindFamily, f.key, 0)
		if err != nil {
			return 0, err
		}
		f.at = r.At
	}
	return f.at, nil
}

// sayFull logs, once, that there was no place.
func (d *Dir) sayFull(err error) {
	if errors.Is(err, cellfile.ErrClosed) || !d.said.CompareAndSwap(false, true) {
		return
	}
	advice := "give the directory more space"
	var e *cellfile.FullError
	if errors.As(err, &e) {
		advice = "raise the limit of " + e.What
	}
	// Not here, where locks may be held that whoever writes the log needs.
	d.saying.Go(func() {
		d.log().Error("ember: no place for series that other processes can see", "dir", d.path, "error", err, "advice", advice)
	})
}

// Attach adds a record that belongs to the series whose first word is given: stripes,
// native buckets, a sketch. Its first words are given and the others zero. It returns nil
// if there is no place, which is logged the first time, or no such series in the file.
func (d *Dir) Attach(first *uint64, kind uint16, words int, init ...uint64) []uint64 {
	if d.file == nil {
		return nil
	}
	series, is, ok := d.file.Locate(first)
	if !ok || is != KindSeries {
		return nil
	}
	r, err := d.file.Add(kind, attachedKey(make([]byte, 0, 16), series.At), words, init...)
	if err != nil {
		d.sayFull(err)
		return nil
	}
	return r.Words
}

// RetireAt ends the series whose first word is given, as Series.Retire does.
func (d *Dir) RetireAt(first *uint64) {
	if d.file == nil {
		return
	}
	if r, kind, ok := d.file.Locate(first); ok && kind == KindSeries {
		r.Retire()
	}
}
