// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"testing"

	"github.com/embermetrics/ember/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
