// SPDX-License-Identifier: Apache-2.0

package collectors

type (
	ProcStat = procStat
	BootTime = bootTime
)

var (
	ParseStat     = parseStat
	ParseLimit    = parseLimit
	ParseBootTime = parseBootTime
	CountFDs      = countFDs
	CountEntries  = countEntries
	CountDirents  = countDirents
	ClockOffset   = clockOffset
)

// Fields returns what s holds, in the order of the file.
func (s procStat) Fields() [4]uint64 {
	return [4]uint64{s.cpuTicks, s.startTicks, s.virtualBytes, s.residentPages}
}

var LoadBootTime = (*bootTime).load

// NewProcessAt returns a Process that reads root instead of /proc.
func NewProcessAt(root string, opts ProcessOpts) *Process {
	p := NewProcess(opts)
	p.source.root = root
	return p
}
