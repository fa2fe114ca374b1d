// SPDX-License-Identifier: Apache-2.0

// Package shared makes many processes one source of metrics. Each keeps the words of its
// series in a file of its own, as package cellfile does, in one directory; any of them
// reads all files and adds up what it finds.
//
//	d, err := shared.Open(dir, shared.Options{})
//	s, ok := d.Family(&shared.Family{Desc: desc}).Series([]string{"GET"}, shared.CounterWords)
//	atomic.AddUint64(&s.Words()[0], 1)
//	families, err := d.Gather(ctx)
//
// Nobody waits for a process that reads, and a process that is killed leaves all that it
// has counted. Its file is read until somebody moves what is in it to the archive, one
// file for all processes that have ended. Who stops in the middle of that leaves things
// as they were, or as they should become: nothing is lost, and nothing counts twice.
//
// Sums of floating-point numbers are rounded once, after everything has been added up, so
// that they do not depend on who reads, and never become less when files are moved.
//
// The price of reading is that of copying the files, and some 50 ns for each series in
// each of them. What is known of a file is kept, so that labels are looked at once.
//
// Package shared knows nothing of instruments and formats. It is for Linux and macOS;
// elsewhere Open says so.
package shared
