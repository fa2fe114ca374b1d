// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"runtime"

	"github.com/embermetrics/ember/metric"
)

// basicFamilies are written by Go.collectBasic.
var basicFamilies = []*metric.Desc{&goroutinesDesc, &threadsDesc, &goInfoDesc, &pausesDesc, &lastGCDesc}

var (
	goroutinesDesc = metric.Desc{
		Name: "go_goroutines",
		Help: "Goroutines of the program, without those of the Go runtime itself.",
		Kind: metric.Gauge,
	}
	threadsDesc = metric.Desc{
		Name: "go_threads",
		Help: "Operating system threads that the Go runtime knows of.",
		Kind: metric.Gauge,
	}
	goInfoDesc = metric.Desc{
		Name:        "go_info",
		Help:        "Always 1; the label names the version of Go that built the program.",
		Kind:        metric.Gauge,
		Mode:        metric.ModeLiveMax,
		ConstLabels: []metric.Label{{Name: "version", Value: runtime.Version()}},
	}
	pausesDesc = metric.Desc{
		Name: "go_gc_duration_seconds",
		Help: "How long the program was stopped in each garbage collection; quantiles are of the last 256 stops.",
		Unit: "seconds",
		Kind: metric.Summary,
	}
	lastGCDesc = metric.Desc{
		Name: "go_memstats_last_gc_time_seconds",
		Help: "When the last garbage collection finished, as Unix time; 0 before the first one.",
		Unit: "seconds",
		Kind: metric.Gauge,
		Mode: metric.ModeLiveMax,
	}
)

// sumFamily describes a family whose value is the sum of metrics of
// runtime/metrics, all of them whole numbers.
type sumFamily struct {
	name string
	kind metric.Kind
	unit string
	help string
	of   []string
}

// settingFamilies are what the program was told to do. Of several processes the greatest
// counts.
var settingFamilies = []sumFamily{
	{
		"go_gc_gogc_percent", metric.Gauge, "percent",
		"Target growth of the heap between collections, from GOGC or debug.SetGCPercent; 1.8446744073709552e+19 if turned off.",
		[]string{"/gc/gogc:percent"},
	},
	{
		"go_gc_gomemlimit_bytes", metric.Gauge, "bytes",
		"Soft limit of the runtime's memory, from GOMEMLIMIT or debug.SetMemoryLimit; 9.223372036854776e+18 if there is none.",
		[]string{"/gc/gomemlimit:bytes"},
	},
	{
		"go_sched_gomaxprocs_threads", metric.Gauge, "threads",
		"GOMAXPROCS: how many threads may run Go code at once.",
		[]string{"/sched/gomaxprocs:threads"},
	},
}

// memoryFamilies are the fields of runtime.MemStats, put together as that type
// documents them.
var memoryFamilies = []sumFamily{
	{
		"go_memstats_alloc_bytes", metric.Gauge, "bytes",
		"Heap memory held by objects, including garbage that was not swept yet. The same as go_memstats_heap_alloc_bytes.",
		[]string{"/memory/classes/heap/objects:bytes"},
	},
	{
		"go_memstats_alloc_bytes_total", metric.Counter, "bytes",
		"Heap memory allocated for objects since the start, whether or not freed by now.",
		[]string{"/gc/heap/allocs:bytes"},
	},
	{
		"go_memstats_sys_bytes", metric.Gauge, "bytes",
		"Address space that the Go runtime holds for all purposes; less of it may be resident.",
		[]string{"/memory/classes/total:bytes"},
	},
	{
		"go_memstats_mallocs_total", metric.Counter, "",
		"Heap objects allocated since the start.",
		[]string{"/gc/heap/allocs:objects", "/gc/heap/tiny/allocs:objects"},
	},
	{
		"go_memstats_frees_total", metric.Counter, "",
		"Heap objects freed since the start. Tiny objects without pointers count when they are allocated.",
		[]string{"/gc/heap/frees:objects", "/gc/heap/tiny/allocs:objects"},
	},
	{
		"go_memstats_heap_alloc_bytes", metric.Gauge, "bytes",
		"Heap memory held by objects, including garbage that was not swept yet.",
		[]string{"/memory/classes/heap/objects:bytes"},
	},
	{
		"go_memstats_heap_sys_bytes", metric.Gauge, "bytes",
		"Address space of the heap: in use, idle or given back to the operating system.",
		[]string{
			"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes",
			"/memory/classes/heap/released:bytes", "/memory/classes/heap/free:bytes",
		},
	},
	{
		"go_memstats_heap_idle_bytes", metric.Gauge, "bytes",
		"Heap spans that hold no object, including those given back to the operating system.",
		[]string{"/memory/classes/heap/released:bytes", "/memory/classes/heap/free:bytes"},
	},
	{
		"go_memstats_heap_inuse_bytes", metric.Gauge, "bytes",
		"Heap spans that hold at least one object. What exceeds go_memstats_heap_alloc_bytes is fragmentation or kept for a size class.",
		[]string{"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes"},
	},
	{
		"go_memstats_heap_released_bytes", metric.Gauge, "bytes",
		"Heap memory given back to the operating system and not taken again.",
		[]string{"/memory/classes/heap/released:bytes"},
	},
	{
		"go_memstats_heap_objects", metric.Gauge, "",
		"Objects on the heap, including garbage that was not swept yet.",
		[]string{"/gc/heap/objects:objects"},
	},
	{
		"go_memstats_stack_inuse_bytes", metric.Gauge, "bytes",
		"Memory reserved for the stacks of goroutines.",
		[]string{"/memory/classes/heap/stacks:bytes"},
	},
	{
		"go_memstats_stack_sys_bytes", metric.Gauge, "bytes",
		"Memory for the stacks of goroutines, and for those stacks of threads that the runtime got from the operating system.",
		[]string{"/memory/classes/heap/stacks:bytes", "/memory/classes/os-stacks:bytes"},
	},
	{
		"go_memstats_mspan_inuse_bytes", metric.Gauge, "bytes",
		"Memory of the records of heap spans in use.",
		[]string{"/memory/classes/metadata/mspan/inuse:bytes"},
	},
	{
		"go_memstats_mspan_sys_bytes", metric.Gauge, "bytes",
		"Memory reserved for the records of heap spans.",
		[]string{"/memory/classes/metadata/mspan/inuse:bytes", "/memory/classes/metadata/mspan/free:bytes"},
	},
	{
		"go_memstats_mcache_inuse_bytes", metric.Gauge, "bytes",
		"Memory of the allocation caches in use, one for each of GOMAXPROCS.",
		[]string{"/memory/classes/metadata/mcache/inuse:bytes"},
	},
	{
		"go_memstats_mcache_sys_bytes", metric.Gauge, "bytes",
		"Memory reserved for allocation caches.",
		[]string{"/memory/classes/metadata/mcache/inuse:bytes", "/memory/classes/metadata/mcache/free:bytes"},
	},
	{
		"go_memstats_buck_hash_sys_bytes", metric.Gauge, "bytes",
		"Memory of the table of stack traces that profiles are made from.",
		[]string{"/memory/classes/profiling/buckets:bytes"},
	},
	{
		"go_memstats_gc_sys_bytes", metric.Gauge, "bytes",
		"Memory of the garbage collector's own records and other metadata.",
		[]string{"/memory/classes/metadata/other:bytes"},
	},
	{
		"go_memstats_other_sys_bytes", metric.Gauge, "bytes",
		"Memory of the runtime that no other family covers, such as trace buffers.",
		[]string{"/memory/classes/other:bytes"},
	},
	{
		"go_memstats_next_gc_bytes", metric.Gauge, "bytes",
		"Size of the heap that the current collection cycle aims to stay below.",
		[]string{"/gc/heap/goal:bytes"},
	},
}
