// SPDX-License-Identifier: Apache-2.0

// A program that does not import package multiproc.
package main

import (
	"os"

	"github.com/embermetrics/ember"
)

func main() {
	ember.Default().NewCounter(ember.CounterOpts{Name: "a_total", Help: "A."}).Inc()
	if err := ember.WriteText(os.Stdout, ember.Default()); err != nil {
		panic(err)
	}
}
