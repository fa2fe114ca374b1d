// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

//go:embed prometheus.yml alert.rules.yml
var shipped embed.FS

const (
	configFile = "prometheus.yml"
	rulesFile  = "alert.rules.yml"
)

// defaultTarget is the address of the service in prometheus.yml.
const defaultTarget = "127.0.0.1:8080"

// writeConfig writes the configuration and the rules to dir: the shipped files, or those
// of the directory from if it is not empty. The target is put where defaultTarget is, and
// with native the setting for native histograms is made one.
func writeConfig(dir, from, target string, native bool) error {
	files := fs.FS(shipped)
	if from != "" {
		files = os.DirFS(from)
	}
	config, err := fs.ReadFile(files, configFile)
	if err != nil {
		return fmt.Errorf("-config: %w", err)
	}
	rules, err := fs.ReadFile(files, rulesFile)
	if err != nil {
		return fmt.Errorf("-config: %w", err)
	}
	if !bytes.Contains(config, []byte(defaultTarget)) {
		return fmt.Errorf("-config: %s does not have the target %q, which is replaced by the address of the service", configFile, defaultTarget)
	}
	config = bytes.ReplaceAll(config, []byte(defaultTarget), []byte(target))
	if native {
		config = bytes.Replace(config, []byte("# scrape_native_histograms"), []byte("scrape_native_histograms"), 1)
	}
	if err := os.WriteFile(filepath.Join(dir, configFile), config, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, rulesFile), rules, 0o600)
}

// hasNativeSetting reports whether Prometheus takes native histograms by a setting, as
// from 3.8 on, and not by a feature flag.
func hasNativeSetting(ctx context.Context, program string) bool {
	out, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
	return err == nil && isFrom38(string(out))
}

var version = regexp.MustCompile(`version (\d+)\.(\d+)`)

func isFrom38(text string) bool {
	m := version.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major > 3 || major == 3 && minor >= 8
}
