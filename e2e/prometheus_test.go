// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server is a Prometheus server.
type server struct {
	*process
	url string
}

// sample is one of the answer to a query.
type sample struct {
	labels map[string]string
	value  float64
}

// lookPrometheus returns the path of the program.
func lookPrometheus(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		missing(t, "prometheus", "prometheus")
	}
	return path
}

// nativeHistograms returns what has Prometheus take native histograms: a setting, as from 3.8
// on, or else a flag.
func nativeHistograms(t *testing.T) (setting string, args []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), lookPrometheus(t), "--version").CombinedOutput()
	require.NoError(t, err, "%s", out)
	m := regexp.MustCompile(`version (\d+)\.(\d+)`).FindStringSubmatch(string(out))
	require.NotNil(t, m, "%s", out)
	if major, minor := number(t, m[1]), number(t, m[2]); major > 3 || major == 3 && minor >= 8 {
		return "scrape_native_histograms: true", nil
	}
	return "", []string{"--enable-feature=native-histograms"}
}

// startPrometheus starts a server in a directory, and waits until it answers.
func startPrometheus(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	command := append([]string{lookPrometheus(t), "--storage.tsdb.path=" + t.TempDir(), "--web.listen-address=127.0.0.1:0"}, args...)
	s := &server{process: start(t, nil, dir, "TERM", command...)}
	listening := regexp.MustCompile(`msg="Listening on".* address=(\S+)`)
	s.until(t, "it is ready", func() bool {
		m := listening.FindStringSubmatch(s.output.String())
		if m == nil {
			return false
		}
		s.url = "http://" + m[1]
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// get calls the API and stores the data of its answer.
func (s *server) get(t *testing.T, path string, query url.Values, data any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/"+path+"?"+query.Encode(), nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, "success", answer.Status, "%s: %s", query, answer.Error)
}

// query returns what an expression is now.
func (s *server) query(t *testing.T, expr string) []sample {
	t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any // the time, and the number as text
		}
	}
	s.get(t, "query", url.Values{"query": {expr}}, &data)
	samples := make([]sample, len(data.Result))
	for i, r := range data.Result {
		samples[i] = sample{r.Metric, number(t, r.Value[1].(string))}
	}
	return samples
}

// until waits until something is so.
func (s *server) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.True(t, s.await(t, func() error {
		if ok() {
			return nil
		}
		return errors.New("it is still not so that " + what)
	}), "it has ended before %s", what)
}

// untilQuery waits until an expression is as it should be, and returns what it is then.
func (s *server) untilQuery(t *testing.T, expr string, ok func([]sample) bool) (samples []sample) {
	t.Helper()
	require.True(t, s.await(t, func() error {
		if samples = s.query(t, expr); ok(samples) {
			return nil
		}
		return fmt.Errorf("%s still is %v", expr, samples)
	}), "it has ended before %s was right", expr)
	return samples
}

// finite reports whether there is a number among samples.
func finite(samples []sample) bool {
	return slices.ContainsFunc(samples, func(s sample) bool { return !math.IsNaN(s.value) && !math.IsInf(s.value, 0) })
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}
