// SPDX-License-Identifier: Apache-2.0

package ember

import "strconv"

// Format is a wire format for metrics, with the way in which it writes names that
// are not classic. The zero Format is FormatText.
//
// Formats are made from the constants below:
//
//	ember.FormatOpenMetrics.WithEscaping(ember.EscapingAllowUTF8)
type Format uint8

// The wire formats. Each escapes names with underscores unless WithEscaping says
// otherwise.
const (
	// FormatText is Prometheus' text format, version 0.0.4:
	// https://prometheus.io/docs/instrumenting/exposition_formats/.
	FormatText Format = iota
	// FormatText1 is version 1.0.0 of the text format, which differs from 0.0.4 in
	// that its readers know quoted names.
	FormatText1
	// FormatOpenMetrics is OpenMetrics 1.0.0, the text format with exemplars and
	// units: https://prometheus.io/docs/specs/om/open_metrics_spec/.
	FormatOpenMetrics
	// FormatOpenMetrics0 is OpenMetrics 0.0.1, which differs from 1.0.0 in its
	// announcement alone.
	FormatOpenMetrics0
	// FormatOpenMetrics2 is OpenMetrics 2.0.0, a release candidate: text that has
	// native histograms. A handler offers it only if asked to. See
	// https://prometheus.io/docs/specs/om/open_metrics_spec_2_0/.
	FormatOpenMetrics2
	// FormatProtobuf is a sequence of io.prometheus.client.MetricFamily messages,
	// each preceded by its length: the format that has native histograms. A family
	// of more than some hundred KiB is several messages with the same name.
	FormatProtobuf

	formats = iota
)

// Escaping is how a format writes names that are not classic: names of metrics
// outside [a-zA-Z_:][a-zA-Z0-9_:]*, and of labels outside the same without the
// colon. Classic names are never changed. See
// https://prometheus.io/docs/instrumenting/escaping_schemes/.
type Escaping uint8

const (
	// EscapingUnderscores writes an underscore for each character that is not
	// classic.
	EscapingUnderscores Escaping = iota
	// EscapingAllowUTF8 writes names as they are, quoted where the format is text.
	EscapingAllowUTF8
	// EscapingDots writes _dot_ for a dot and two underscores for an underscore and
	// for anything else that is not classic.
	EscapingDots
	// EscapingValues writes U__ and then the code point of each character that is
	// not classic, so that the name can be had back.
	EscapingValues

	escapings = iota
)

// A Format is a wire format in its low bits, an Escaping in the next ones and a
// flag.
const (
	wireBits    = 3
	wireMask    = 1<<wireBits - 1
	createdFlag = 1 << 5
)

// WithEscaping returns f with names written in another way.
func (f Format) WithEscaping(e Escaping) Format {
	return f&^(0b11<<wireBits) | Format(e&0b11)<<wireBits
}

// WithCreated returns f with a line for each series of a counter, histogram or
// summary that says when it began, called like the series with the suffix _created.
// That is a series more for readers that do not know its meaning. It only matters
// to OpenMetrics 1.0.0 and 0.0.1: the text formats cannot say this, and the others
// say it anyway.
func (f Format) WithCreated() Format { return f | createdFlag }

// known reports whether f was made of the constants above.
func (f Format) known() bool { return f.wire() < formats && f < createdFlag<<1 }

func (f Format) wire() Format       { return f & wireMask }
func (f Format) escaping() Escaping { return Escaping(f >> wireBits & 0b11) }
func (f Format) created() bool      { return f&createdFlag != 0 }

var (
	mediaTypes = [formats]string{
		FormatText:         "text/plain; version=0.0.4; charset=utf-8; escaping=",
		FormatText1:        "text/plain; version=1.0.0; charset=utf-8; escaping=",
		FormatOpenMetrics:  "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=",
		FormatOpenMetrics0: "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=",
		FormatOpenMetrics2: "application/openmetrics-text; version=2.0.0; charset=utf-8; escaping=",
		FormatProtobuf:     "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=",
	}
	escapingNames = [escapings]string{"underscores", "allow-utf-8", "dots", "values"}
)

// ContentType returns the value of the Content-Type header that announces f. A
// Format that does not exist has none.
func (f Format) ContentType() string {
	if !f.known() {
		return ""
	}
	return mediaTypes[f.wire()] + escapingNames[f.escaping()]
}

// String returns f's Content-Type.
func (f Format) String() string {
	if !f.known() {
		return "Format(" + strconv.Itoa(int(f)) + ")"
	}
	return f.ContentType()
}

// String returns the escaping's name, as media types have it.
func (e Escaping) String() string {
	if int(e) < escapings {
		return escapingNames[e]
	}
	return "Escaping(" + strconv.Itoa(int(e)) + ")"
}
