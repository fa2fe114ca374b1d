// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strconv"
	"strings"

	"github.com/embermetrics/ember/metric"
)

//go:embed read.py
var readScript string

// pythonPath is the system's own interpreter: packages of the distribution are in
// no other.
const pythonPath = "/usr/bin/python3"

// Python is a process that reads OpenMetrics 1 with client_python. It serves one
// caller at a time.
type Python struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// StartPython starts the process. An error means that there is no client_python.
func StartPython() (*Python, error) {
	if out, err := exec.Command(pythonPath, "-c", "import prometheus_client.openmetrics.parser").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("judge: client_python is missing: %w: %s", err, bytes.TrimSpace(out))
	}
	p := &Python{cmd: exec.Command(pythonPath, "-c", readScript)}
	p.cmd.Stderr = &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	return p, p.cmd.Start()
}

// Close ends the process.
func (p *Python) Close() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// The answer of read.py.
type (
	pythonAnswer struct {
		Error    string
		Families []struct {
			Name, Help, Type, Unit string
			Samples                []pythonSample
		}
	}
	pythonSample struct {
		Name     string
		Labels   map[string]string
		Value    string
		Time     *pythonTime
		Exemplar *struct {
			Labels map[string]string
			Value  string
			Time   *pythonTime
		}
	}
	pythonTime struct {
		Seconds, Nanos int64
		Float          string
	}
)

// Read reads data.
func (p *Python) Read(data []byte) (*Exposition, error) {
	if _, err := p.in.Write(append(strconv.AppendInt(nil, int64(len(data)), 10), '\n')); err != nil {
		return nil, fmt.Errorf("judge: python has ended: %w: %s", err, &p.stderr)
	}
	if _, err := p.in.Write(data); err != nil {
		return nil, fmt.Errorf("judge: python has ended: %w: %s", err, &p.stderr)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("judge: python has ended: %w: %s", err, &p.stderr)
	}
	var answer pythonAnswer
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, fmt.Errorf("judge: python answers %q: %w", line, err)
	}
	if answer.Error != "" {
		return nil, &Refusal{"client_python", errors.New(answer.Error)}
	}
	x := New()
	for _, f := range answer.Families {
		if _, ok := x.Families[f.Name]; ok {
			return nil, fmt.Errorf("judge: the family %q comes twice", f.Name)
		}
		x.Families[f.Name] = Family{Type: f.Type, Help: f.Help, Unit: f.Unit}
		for i := range f.Samples {
			s, err := f.Samples[i].sample()
			if err == nil {
				err = x.Add(s)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}

func (p *pythonSample) sample() (Sample, error) {
	value, err := pythonNumber(p.Value)
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Name: p.Name, Labels: pythonLabels(p.Labels), Value: value}
	if s.Time, err = p.Time.instant(); err != nil {
		return Sample{}, err
	}
	if e := p.Exemplar; e != nil {
		x := Exemplar{Labels: pythonLabels(e.Labels)}
		if x.Value, err = pythonNumber(e.Value); err != nil {
			return Sample{}, err
		}
		if x.Time, err = e.Time.instant(); err != nil {
			return Sample{}, err
		}
		s.Exemplars = []Exemplar{x}
	}
	return s, nil
}

// pythonNumber returns a number as Python writes it: whole ones are exact, however
// large.
func pythonNumber(text string) (Number, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(v, 0) {
		return "", fmt.Errorf("judge: python reads the number %q", text)
	}
	return Num(v), nil
}

func pythonLabels(labels map[string]string) []metric.Label {
	var list []metric.Label
	for name, value := range labels {
		list = append(list, metric.Label{Name: name, Value: value})
	}
	return list
}

func (t *pythonTime) instant() (Instant, error) {
	switch {
	case t == nil:
		return Instant{}, nil
	case t.Float != "":
		v, err := strconv.ParseFloat(strings.TrimSpace(t.Float), 64)
		if err != nil {
			return Instant{}, fmt.Errorf("judge: python reads the time %q", t.Float)
		}
		return atSeconds(v)
	case t.Seconds > 9e9 || t.Seconds < -9e9:
		return Instant{}, fmt.Errorf("judge: the timestamp %d is out of range", t.Seconds)
	}
	return Instant{true, t.Seconds*1e9 + t.Nanos}, nil
}
