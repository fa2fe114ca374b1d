// SPDX-License-Identifier: Apache-2.0

package embertest

import "strings"

// derivedUnits holds the base unit for others, wherever they stand in a name.
var derivedUnits = map[string]string{
	"minutes": "seconds", "hours": "seconds", "days": "seconds", "weeks": "seconds",
	"bits":    "bytes",
	"percent": "ratio", "percents": "ratio", "percentage": "ratio", "permille": "ratio",
	"inches": "meters", "yards": "meters", "miles": "meters",
	"pounds": "grams", "ounces": "grams",
	"calories": "joules",
	"kelvins":  "kelvin", "fahrenheit": "celsius", "rankine": "celsius", "centigrade": "celsius",
}

// derivedLast is the same for words that mean something else too, so they count only
// where a unit stands: last.
var derivedLast = map[string]string{
	"months": "seconds", "years": "seconds",
	"feet": "meters",
	"tons": "grams", "tonnes": "grams",
	"watthours": "joules",
}

// scaledUnits may have a prefix for a power of ten or two, in the plural.
var scaledUnits = map[string]string{
	"seconds": "seconds", "bytes": "bytes", "bits": "bytes", "meters": "meters", "metres": "metres",
	"grams": "grams", "joules": "joules", "calories": "joules", "volts": "volts", "amperes": "amperes",
	"kelvin": "kelvin", "celsius": "celsius", "watts": "watts", "watthours": "joules", "hertz": "hertz",
	"pascals": "pascals", "ohms": "ohms", "liters": "liters", "litres": "litres",
}

var scales = []string{
	"pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto",
	"kilo", "mega", "giga", "tera", "peta", "exa", "kibi", "mebi", "gibi", "tebi", "pebi", "exbi",
}

// abbreviations holds what they stand for, wherever they stand in a name but at its
// start.
var abbreviations = map[string]string{
	"s": "seconds", "sec": "seconds", "secs": "seconds", "h": "seconds", "hrs": "seconds", "d": "seconds", "mins": "seconds",
	"ms": "seconds", "msec": "seconds", "msecs": "seconds", "millis": "seconds",
	"us": "seconds", "usec": "seconds", "usecs": "seconds", "micros": "seconds",
	"ns": "seconds", "nsec": "seconds", "nsecs": "seconds", "nanos": "seconds",
	"m": "", // meters or minutes
	"b": "bytes", "kb": "bytes", "mb": "bytes", "gb": "bytes", "tb": "bytes", "pb": "bytes",
	"kib": "bytes", "mib": "bytes", "gib": "bytes", "tib": "bytes", "pib": "bytes",
	"kbit": "bytes", "mbit": "bytes", "gbit": "bytes", "kbps": "bytes", "mbps": "bytes", "gbps": "bytes",
	"pct": "ratio",
	"khz": "hertz", "mhz": "hertz", "ghz": "hertz",
	"kwh": "joules",
}

// abbreviationsLast is the same for what may be short for something else elsewhere.
var abbreviationsLast = map[string]string{
	"mm": "meters", "cm": "meters", "km": "meters",
	"mg": "grams", "kg": "grams",
	"hz": "hertz", "bps": "bytes",
	"mv": "volts", "kv": "volts", "amps": "amperes",
	"mw": "watts", "kw": "watts",
	"perc": "ratio",
}

// timeWords are quantities of time: whatever ends so has a unit.
var timeWords = map[string]bool{
	"duration": true, "durations": true, "latency": true, "latencies": true, "elapsed": true,
	"time": true, "timestamp": true, "uptime": true, "delay": true, "timeout": true, "ttl": true,
}

// baseUnit returns the base unit for a word of a name that is a derived one. Last is
// whether it stands where units do.
func baseUnit(word string, last bool) (string, bool) {
	if base, ok := derivedUnits[word]; ok {
		return base, true
	}
	for _, scale := range scales {
		rest, ok := strings.CutPrefix(word, scale)
		if !ok {
			continue
		}
		if base, ok := scaledUnits[rest]; ok {
			return base, true
		}
		if base, ok := scaledUnits[rest+"s"]; ok && last {
			return base, true
		}
		if base, ok := derivedUnits[rest]; ok {
			return base, true
		}
	}
	base, ok := derivedLast[word]
	return base, ok && last
}

// spelledOut returns the base unit for a word of a name that abbreviates a unit: ""
// if it could be several.
func spelledOut(word string, last bool) (string, bool) {
	if base, ok := abbreviations[word]; ok {
		return base, true
	}
	base, ok := abbreviationsLast[word]
	return base, ok && last
}

// unitBase returns the base unit for one that is derived or abbreviated.
func unitBase(unit string) (string, bool) {
	if base, ok := baseUnit(unit, true); ok {
		return base, true
	}
	return spelledOut(unit, true)
}
