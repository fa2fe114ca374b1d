// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// patience is how long Prometheus may take to start.
const patience = 30 * time.Second

const howToInstall = `
  on Debian and Ubuntu: apt-get install prometheus
  elsewhere:            unpack one of https://prometheus.io/download/ and say -prometheus PATH
  without one:          -prometheus none`

var (
	// listening is where the log says which address it is, on which port if any would do.
	listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)
	// chatter is what nobody needs to see of the log.
	chatter = regexp.MustCompile(`(?i)\blevel=(debug|info)\b|exiting gracefully`)
)

// prometheus is a running Prometheus server.
type prometheus struct {
	api   string         // URL
	page  *url.URL       // of queries; the others are beside it
	alive io.WriteCloser // the server lives as long as this is open
	ended chan error     // gets one if the server ends by itself
	gone  chan struct{}  // closed once it has ended
}

// startPrometheus starts the server that the options want, for a service at target, and
// waits until it is ready. All its files are in a temporary directory. Its warnings and
// errors go to stderr.
func startPrometheus(ctx context.Context, o options, target string) (*prometheus, error) {
	program, err := exec.LookPath(o.prometheus)
	if err != nil {
		return nil, fmt.Errorf("there is no Prometheus: %w%s", err, howToInstall)
	}
	probe, err := listen("-prometheus-addr", o.prometheusAddr)
	if err != nil {
		return nil, err
	}
	probe.Close()
	dir, err := os.MkdirTemp("", "ember-fullstack-")
	if err != nil {
		return nil, err
	}
	native := hasNativeSetting(ctx, program)
	if err := writeConfig(dir, o.config, target, native); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	args := []string{
		"--config.file=" + filepath.Join(dir, configFile),
		"--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + o.prometheusAddr,
	}
	if !native {
		args = append(args, "--enable-feature=native-histograms")
	}
	p := &prometheus{ended: make(chan error, 1), gone: make(chan struct{})}
	addr, err := p.start(dir, append([]string{program}, args...))
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := p.awaitReady(ctx, addr); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// start runs the command by way of keep, which removes dir at its end. The channel gets
// the address that the server listens on.
func (p *prometheus) start(dir string, command []string) (<-chan string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, command...)
	cmd.Env = append(os.Environ(), keepVariable+"="+dir)
	if p.alive, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	log, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	addr := make(chan string, 1)
	go func() {
		for lines := bufio.NewReader(log); ; {
			line, err := lines.ReadString('\n')
			if m := listening.FindStringSubmatch(line); m != nil {
				addr <- m[1]
			}
			if !chatter.MatchString(line) {
				os.Stderr.WriteString(line)
			}
			if err != nil {
				break
			}
		}
		cmd.Wait()
		close(p.gone)
		// Ctrl-C ends all processes, perhaps that one before this one knows.
		time.Sleep(time.Second)
		p.ended <- errors.New("prometheus has ended by itself")
	}()
	return addr, nil
}

// awaitReady waits until the server, whose address is to come, answers queries.
func (p *prometheus) awaitReady(ctx context.Context, addr <-chan string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("prometheus is not ready after %v", patience))
	defer cancel()
	select {
	case a := <-addr:
		p.api = "http://" + reachable(a)
	case err := <-p.ended:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	client := &http.Client{
		// Where the pages are differs by version, and in Debian.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for {
		if resp, err := get(ctx, client, p.api+"/-/ready"); err == nil && resp.StatusCode == http.StatusOK {
			break
		}
		select {
		case err := <-p.ended:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	resp, err := get(ctx, client, p.api)
	if err != nil {
		return err
	}
	p.page, err = resp.Location()
	return err
}

// awaitScrape waits until the service was scraped, which takes a new server some seconds.
// If it cannot be scraped, alerts and the page of targets tell more than waiting.
func (p *prometheus) awaitScrape(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !(p.value(ctx, "sum(up)") > 0) {
		select {
		case <-p.gone:
			return
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get returns a response whose body is closed.
func get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

// stop ends the server, and returns once nothing is left of it.
func (p *prometheus) stop() {
	p.alive.Close()
	<-p.gone
}

// value returns what an expression evaluates to, or NaN if that is not one number.
func (p *prometheus) value(ctx context.Context, expr string) float64 {
	var data struct {
		Result []struct {
			Value [2]any // time, and the number as text
		}
	}
	if p.call(ctx, "query", url.Values{"query": {expr}}, &data) != nil || len(data.Result) != 1 {
		return math.NaN()
	}
	text, _ := data.Result[0].Value[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// alert is one that is pending or firing.
type alert struct {
	State       string
	Labels      map[string]string
	Annotations map[string]string
}

func (p *prometheus) alerts(ctx context.Context) ([]alert, error) {
	var data struct{ Alerts []alert }
	err := p.call(ctx, "alerts", nil, &data)
	return data.Alerts, err
}

// call asks the HTTP API, and stores the data of its answer.
func (p *prometheus) call(ctx context.Context, endpoint string, query url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+"/api/v1/"+endpoint+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Error string
		Data  any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return nil
}
