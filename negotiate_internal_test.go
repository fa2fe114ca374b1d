// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
)

// scrapers are the Accept headers that clients send, with what they get.
var scrapers = map[string]struct {
	accept string
	want   Format
}{
	"Prometheus 2.42": {
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		FormatOpenMetrics,
	},
	"Prometheus 2.42, native histograms": {
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		FormatProtobuf,
	},
	"Prometheus 2.49.0": {
		"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=2",
		FormatOpenMetrics,
	},
	"Prometheus 2.49.0, text only": {
		"text/plain;version=0.0.4;q=0.5,*/*;q=4",
		FormatText,
	},
	"Prometheus 3.0": {
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
		FormatOpenMetrics.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.0, protobuf first": {
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.2,*/*;q=0.1",
		FormatProtobuf.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.3": {
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
		FormatOpenMetrics.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.4 to 3.9": {
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		FormatOpenMetrics.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.4 to 3.9, protobuf first": {
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		FormatProtobuf.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.4 to 3.9, underscores": {
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=underscores;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		FormatProtobuf,
	},
	"Prometheus 3.4 to 3.9, text 1.0.0 only": {
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.5",
		FormatText1.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.16": {
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=0.0.1;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3",
		FormatOpenMetrics.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.16, protobuf first": {
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		FormatProtobuf.WithEscaping(EscapingAllowUTF8),
	},
	"Prometheus 3.16, OpenMetrics 2.0.0 first": {
		"application/openmetrics-text;version=2.0.0;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4",
		FormatOpenMetrics2.WithEscaping(EscapingAllowUTF8),
	},
	"vmagent":   {"text/plain;version=0.0.4;q=1,*/*;q=0.1", FormatText},
	"curl":      {"*/*", FormatText},
	"browser":   {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", FormatText},
	"Java":      {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", FormatText},
	"Go":        {"", FormatText},
	"prom2json": {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3", FormatProtobuf},
}

func TestNegotiateFormatOfScrapers(t *testing.T) {
	for name, tc := range scrapers {
		t.Run(name, func(t *testing.T) {
			got, ok := negotiateFormat([]string{tc.accept}, true)
			require.True(t, ok)
			require.Equal(t, tc.want.String(), got.String())

			want := tc.want
			if want.wire() == FormatOpenMetrics2 {
				want = FormatOpenMetrics.WithEscaping(EscapingAllowUTF8)
			}
			got, ok = negotiateFormat([]string{tc.accept}, false)
			require.True(t, ok)
			require.Equal(t, want.String(), got.String())

			got, ok = negotiateFormat(strings.Split(tc.accept, ","), true)
			require.True(t, ok)
			require.Equal(t, tc.want.String(), got.String(), "a line for each element")
		})
	}
}

func TestNegotiateFormat(t *testing.T) {
	const (
		text  = FormatText
		text1 = FormatText1
		om    = FormatOpenMetrics
		om0   = FormatOpenMetrics0
		om2   = FormatOpenMetrics2
		proto = FormatProtobuf
		none  = Format(formats)
	)
	for name, tc := range map[string]struct {
		accept string // lines
		want   Format
	}{
		"text, no version":        {"text/plain", text},
		"text 0.0.4":              {"text/plain;version=0.0.4", text},
		"text 1.0.0":              {"text/plain;version=1.0.0", text1},
		"OpenMetrics, no version": {"application/openmetrics-text", om},
		"OpenMetrics 0.0.1":       {"application/openmetrics-text;version=0.0.1", om0},
		"OpenMetrics 2.0.0":       {"application/openmetrics-text;version=2.0.0", om2.WithEscaping(EscapingAllowUTF8)},
		"OpenMetrics 2.0.0-rc":    {"application/openmetrics-text;version=2.0.0-rc", text},
		"OpenMetrics 3.0":         {"application/openmetrics-text;version=3.0,application/openmetrics-text;version=0.0.1;q=0.1", om0},
		"version empty":           {"application/openmetrics-text;version=", text},
		"version of the other":    {"application/openmetrics-text;version=0.0.4", text},
		"protobuf":                {"application/vnd.google.protobuf", proto},
		"protobuf, other message": {"application/vnd.google.protobuf;proto=io.prometheus.client.Metric", text},
		"protobuf as text":        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", text},
		"protobuf, compact text":  {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text", text},
		"protobuf, delimited":     {"application/vnd.google.protobuf;encoding=delimited", proto},
		"charset":                 {"application/openmetrics-text;charset=UTF-8", om},
		"other charset":           {"application/openmetrics-text;charset=latin1", text},
		"unknown parameter":       {"application/openmetrics-text;level=1;x=\"y\"", om},
		"other's parameter":       {"application/openmetrics-text;encoding=text;proto=x", om},
		"nothing that there is":   {"text/html, application/json", text},

		"case":               {"APPLICATION/OpenMetrics-Text;VERSION=0.0.1;Q=0.1", om0},
		"case of values":     {"application/vnd.google.protobuf;Proto=IO.PROMETHEUS.client.MetricFamily;Encoding=DELIMITED", proto},
		"quoted":             {`application/openmetrics-text;version="0.0.1"`, om0},
		"escaped":            {`application/openmetrics-text;version="0.\0.\1";q="0.\1"`, om0},
		"backslashes":        {`application/openmetrics-text;version="\\0.0.1"`, text},
		"comma in quotes":    {`application/openmetrics-text;x="a,text/plain,";version=0.0.1`, om0},
		"quote in quotes":    {`application/openmetrics-text;x="a\",text/plain;";version=0.0.1`, om0},
		"semicolon in quote": {`application/openmetrics-text;x=";q=0";version=0.0.1`, om0},
		"blanks":             {" \tapplication/openmetrics-text \t; version\t = 0.0.1 ;\tq = 0.5\t,, \t,", om0},
		"empty parameters":   {"application/openmetrics-text;;;version=0.0.1;", om0},
		"lines":              {"text/html\n\napplication/openmetrics-text;version=0.0.1", om0},

		"highest first":           {"application/openmetrics-text;q=0.9,text/plain;q=0.8", om},
		"highest last":            {"text/plain;q=0.8,application/openmetrics-text;q=0.81", om},
		"no weight is 1":          {"text/plain;q=0.999,application/openmetrics-text", om},
		"more than 1 is 1":        {"text/plain,application/openmetrics-text;q=1000", text},
		"many digits":             {"text/plain;q=0.33333333333333331,application/openmetrics-text;q=0.333333333333333371", om},
		"equal, first":            {"text/plain;version=1.0.0,application/openmetrics-text", text1},
		"equal, other first":      {"application/openmetrics-text,text/plain;version=1.0.0", om},
		"equal, lines":            {"application/vnd.google.protobuf\ntext/plain", proto},
		"named twice":             {"text/plain;q=0.1,application/openmetrics-text;q=0.5,text/plain", text},
		"named twice, less later": {"text/plain,application/openmetrics-text;q=0.5,text/plain;q=0.1", text},
		"first of two weights":    {"text/plain;q=0.1;q=1,application/openmetrics-text;q=0.5", om},

		"weight no number":     {"application/openmetrics-text;q=high,text/plain;q=0.1", text},
		"weight empty":         {"application/openmetrics-text;q=,text/plain;q=0.1", text},
		"weight without value": {"application/openmetrics-text;q,text/plain;q=0.1", text},
		"weight negative":      {"application/openmetrics-text;q=-1,text/plain;q=0.1", text},
		"weight NaN":           {"application/openmetrics-text;q=NaN,text/plain;q=0.1", text},
		"weight infinite":      {"application/openmetrics-text;q=Inf,text/plain;q=0.1", text},
		"weight hexadecimal":   {"application/openmetrics-text;q=0x1p0,text/plain;q=0.1", text},
		"weight exponent":      {"application/openmetrics-text;q=1e0,text/plain;q=0.1", text},
		"weight, two points":   {"application/openmetrics-text;q=1.0.0,text/plain;q=0.1", text},
		"weight, open quote":   {`application/openmetrics-text;q="1,text/plain;q=0.1`, text},

		"OpenMetrics refused":          {"application/openmetrics-text;q=0", text},
		"OpenMetrics 1.0.0 refused":    {"application/openmetrics-text;version=1.0.0;q=0", text},
		"refused, text":                {"application/openmetrics-text;q=0, text/plain;q=0.5", text},
		"refused, any application":     {"application/openmetrics-text;q=0, application/*", proto},
		"one version refused":          {"application/openmetrics-text;version=1.0.0;q=0, application/openmetrics-text", om0},
		"all versions refused but one": {"application/openmetrics-text;q=0, application/openmetrics-text;version=1.0.0;q=0.1", om},
		"text refused":                 {"text/plain;q=0", om},
		"text refused, anything":       {"text/plain;q=0, */*", om},
		"text 0.0.4 refused":           {"text/plain;version=0.0.4;q=0", om},
		"text 0.0.4 refused, any text": {"text/plain;version=0.0.4;q=0, text/*", text1},
		"text 0.0.4 refused, text":     {"text/plain;version=0.0.4;q=0, text/plain", text1},
		"text and OpenMetrics refused": {"text/plain;q=0, application/openmetrics-text;q=0, */*", proto},
		"the same, nothing else":       {"text/plain;q=0, application/openmetrics-text;q=0", proto},
		"any text refused":             {"text/*;q=0", om},
		"any text refused, but one":    {"text/*;q=0, text/plain;version=1.0.0;q=0.1", text1},
		"any application refused":      {"application/*;q=0, */*", text},
		"any text is no good":          {"text/*, text/plain;q=0", om},
		"anything else refused":        {"*/*;q=0, application/openmetrics-text;version=0.0.1;q=0.1", om0},
		"anything else refused, range": {"*/*;q=0, application/*;q=0.1", om},
		"anything refused":             {"*/*;q=0", none},
		"anything refused, lines":      {"text/html\n*/*;q=0.000", none},
		"anything refused, range":      {"text/*;q=0, application/*;q=0", none},
		"anything refused by name":     {"text/plain;q=0, application/openmetrics-text;q=0, application/vnd.google.protobuf;q=0", none},
		"last resort":                  {"text/plain;q=0, application/openmetrics-text;version=1.0.0;q=0, application/openmetrics-text;version=0.0.1;q=0, application/vnd.google.protobuf;q=0", om2.WithEscaping(EscapingAllowUTF8)},
		"refused and not":              {"text/plain;q=0, text/plain;q=0.1, application/*", text},
		"protobuf as text refused":     {"application/vnd.google.protobuf;encoding=text;q=0, application/vnd.google.protobuf;q=0.1", proto},
		"protobuf refused, delimited":  {"application/vnd.google.protobuf;q=0, application/vnd.google.protobuf;encoding=delimited", proto},
		"protobuf, delimited refused":  {"application/vnd.google.protobuf, application/vnd.google.protobuf;encoding=delimited;q=0", text},

		"anything":                      {"*/*;q=0.1", text},
		"any text":                      {"text/*", text},
		"any application":               {"application/*", om},
		"any application, any text":     {"application/*, text/*", om},
		"any text, more":                {"application/*;q=0.5, text/*;q=0.6", text},
		"anything, more":                {"application/*;q=0.5, */*;q=0.6", text},
		"wildcards are the last resort": {"*/*;q=1, text/plain;version=1.0.0;q=0.1", text1},
		"the same for a range":          {"application/*, text/plain;version=0.0.4;q=0.1", text},
		"2.49.0's wildcard":             {"*/*;q=2, application/openmetrics-text;q=0.001", om},
		"half a wildcard":               {"*/plain, application/openmetrics-text;q=0.1", om},

		"garbage":         {"\x00,/,;,=,\",text/plain;version=1.0.0", text},
		"garbage first":   {"\x00,/,;,=, application/openmetrics-text", om},
		"no comma":        {"application/openmetrics-text text/plain", text},
		"no slash":        {"application, text, application/openmetrics-text", om},
		"open quote":      {`application/openmetrics-text;x="y,text/plain`, om},
		"quote, lines":    {"text/html;x=\"y\napplication/openmetrics-text", om},
		"open backslash":  {`application/openmetrics-text;x="\`, om},
		"half escaped":    {`application/openmetrics-text;version="1.0.0\"`, text},
		"half quoted":     {`application/openmetrics-text;version="`, text},
		"backslash":       {`x\,application/openmetrics-text`, om},
		"version, quotes": {`application/openmetrics-text;version=0.0.1"`, text},

		"underscores":             {"text/plain;version=1.0.0;escaping=underscores", text1},
		"UTF-8":                   {"text/plain;version=1.0.0;escaping=allow-utf-8", text1.WithEscaping(EscapingAllowUTF8)},
		"UTF-8, case, quotes":     {`text/plain; Escaping="Allow-UTF-8"`, text.WithEscaping(EscapingAllowUTF8)},
		"dots":                    {"application/openmetrics-text;escaping=dots", om.WithEscaping(EscapingDots)},
		"values":                  {"application/vnd.google.protobuf;escaping=values", proto.WithEscaping(EscapingValues)},
		"unknown escaping":        {"application/openmetrics-text;escaping=percent", om},
		"unknown, 2.0.0":          {"application/openmetrics-text;version=2.0.0;escaping=percent", om2},
		"underscores, 2.0.0":      {"application/openmetrics-text;version=2.0.0;escaping=underscores", om2},
		"of the clause that won":  {"text/plain;q=0.5;escaping=allow-utf-8,application/openmetrics-text;escaping=dots", om.WithEscaping(EscapingDots)},
		"of no other clause":      {"text/plain;q=0.5;escaping=allow-utf-8,application/openmetrics-text", om},
		"of the better of two":    {"text/plain;q=0.5;escaping=allow-utf-8,text/plain;escaping=values", text.WithEscaping(EscapingValues)},
		"of a wildcard":           {"*/*;escaping=allow-utf-8", text.WithEscaping(EscapingAllowUTF8)},
		"protobuf as others":      {"application/vnd.google.protobuf,text/plain;q=0.1;escaping=allow-utf-8", proto.WithEscaping(EscapingAllowUTF8)},
		"protobuf, others before": {"text/plain;q=0.1;escaping=allow-utf-8,application/vnd.google.protobuf", proto.WithEscaping(EscapingAllowUTF8)},
		"protobuf, others dots":   {"application/vnd.google.protobuf,text/plain;q=0.1;escaping=dots", proto},
		"protobuf, refused":       {"application/vnd.google.protobuf,text/plain;q=0;escaping=allow-utf-8", proto},
		"protobuf says so":        {"application/vnd.google.protobuf;escaping=underscores,text/plain;q=0.1;escaping=allow-utf-8", proto},
		"protobuf, unknown type":  {"application/vnd.google.protobuf,application/openmetrics-text;version=3.0;escaping=allow-utf-8", proto.WithEscaping(EscapingAllowUTF8)},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := negotiateFormat(strings.Split(tc.accept, "\n"), true)
			require.Equal(t, tc.want != none, ok)
			if ok {
				require.Equal(t, tc.want.String(), got.String())
			}
		})
	}
	got, ok := negotiateFormat(nil, true)
	require.True(t, ok)
	require.Equal(t, text.String(), got.String())
}

func TestNegotiateFormatOffersOpenMetrics2(t *testing.T) {
	for name, tc := range map[string]struct {
		accept  string
		with    string
		without string
	}{
		"named": {
			"application/openmetrics-text;version=2.0.0,text/plain;version=1.0.0;q=0.5",
			"application/openmetrics-text; version=2.0.0; charset=utf-8; escaping=allow-utf-8",
			"text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
		},
		"alone": {
			"application/openmetrics-text;version=2.0.0",
			"application/openmetrics-text; version=2.0.0; charset=utf-8; escaping=allow-utf-8",
			"text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
		},
		"everything else refused": {
			"*/*;q=0,application/openmetrics-text;version=2.0.0;escaping=dots",
			"application/openmetrics-text; version=2.0.0; charset=utf-8; escaping=dots",
			"not acceptable",
		},
		"refused": {
			"application/openmetrics-text;version=2.0.0;q=0,application/openmetrics-text",
			"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
			"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
		},
	} {
		t.Run(name, func(t *testing.T) {
			negotiate := func(openMetrics2 bool) string {
				f, ok := negotiateFormat([]string{tc.accept}, openMetrics2)
				if !ok {
					return "not acceptable"
				}
				return f.ContentType()
			}
			require.Equal(t, tc.with, negotiate(true))
			require.Equal(t, tc.without, negotiate(false))
		})
	}
}

// Headers of a megabyte, of all that is scanned for: what is not linear takes days.
func TestNegotiationIsLinear(t *testing.T) {
	const n = 1 << 20
	for name, line := range map[string]string{
		"commas":              strings.Repeat(",", n),
		"semicolons":          "text/plain" + strings.Repeat(";", n),
		"equals signs":        "text/plain;" + strings.Repeat("=", n),
		"elements":            strings.Repeat("text/plain;q=0.1,", n/17),
		"elements, wildcards": strings.Repeat("*/*;q=0,", n/8),
		"parameters":          "application/vnd.google.protobuf;" + strings.Repeat("a=b;", n/4),
		"one parameter":       "text/plain;" + strings.Repeat("q", n),
		"quotes":              "text/plain;a=" + strings.Repeat(`"`, n),
		"quoted strings":      "text/plain;" + strings.Repeat(`a=",";`, n/6),
		"open quotes":         strings.Repeat(`text/plain;a=",`, n/15),
		"backslashes":         `gzip;q="` + strings.Repeat(`\`, n),
		"escapes":             `text/plain;version="` + strings.Repeat(`\1`, n/2) + `"`,
		"blanks":              "text/plain;q=1" + strings.Repeat(" ", n) + ",",
		"blanks, elements":    strings.Repeat(" \t,", n/3),
		"digits":              "gzip;q=0." + strings.Repeat("3", n),
		"digits before":       "text/plain;q=" + strings.Repeat("0", n) + "1",
		"name":                strings.Repeat("text/plain", n/10),
		"codings":             strings.Repeat("gzip;q=0.5,identity;q=0.1,*,", n/28),
		"bytes":               strings.Repeat("\xff", n),
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			negotiateFormat([]string{line}, true)
			negotiateFormat(strings.SplitAfter(line, ","), false)
			negotiateEncoding([]string{line}, []string{"zstd", "br", "gzip"})
			negotiateEncoding(strings.SplitAfter(line, ","), nil)
			require.Less(t, time.Since(begin), 10*time.Second)
		})
	}
}

func TestNegotiateEncodingOfSeveral(t *testing.T) {
	both := []string{"zstd", "gzip"}
	for name, tc := range map[string]struct {
		accept string // lines
		offers []string
		want   string
	}{
		"no header":               {"", both, "identity"},
		"both":                    {"zstd,gzip", both, "zstd"},
		"both, other order":       {"gzip, zstd", both, "zstd"},
		"both, gzip preferred":    {"gzip, zstd", []string{"gzip", "zstd"}, "gzip"},
		"not offered":             {"zstd,gzip", []string{"gzip"}, "gzip"},
		"nothing offered":         {"zstd,gzip", nil, "identity"},
		"only gzip":               {"gzip", both, "gzip"},
		"only zstd":               {"zstd", both, "zstd"},
		"case":                    {"ZStd", both, "zstd"},
		"more for gzip":           {"gzip;q=1, zstd;q=0.5", both, "gzip"},
		"more for zstd":           {"gzip;q=0.5, zstd;q=0.6", both, "zstd"},
		"wildcard":                {"*", both, "zstd"},
		"wildcard, zstd refused":  {"*, zstd;q=0", both, "gzip"},
		"wildcard, gzip less":     {"*, gzip;q=0.5", both, "zstd"},
		"wildcard, gzip more":     {"gzip, *;q=0.5", both, "gzip"},
		"wildcard, identity more": {"identity, *;q=0.5", both, "identity"},
		"identity as much":        {"identity, zstd", both, "zstd"},
		"identity more":           {"identity;q=0.6, zstd;q=0.5, gzip;q=0.1", both, "identity"},
		"identity between":        {"identity;q=0.5, zstd;q=0.1, gzip;q=0.6", both, "gzip"},
		"identity refused":        {"identity;q=0, zstd;q=0.001", both, "zstd"},
		"all refused":             {"*;q=0", both, "not acceptable"},
		"all refused by name":     {"zstd;q=0, identity;q=0, gzip;q=0", both, "not acceptable"},
		"identity, none offered":  {"identity;q=0, gzip", nil, "not acceptable"},
		"old name":                {"x-gzip, zstd;q=0.9", both, "gzip"},
		"lines":                   {"zstd;q=0.5\ngzip", both, "gzip"},
		"named twice":             {"zstd;q=0.1, gzip;q=0.5, zstd", both, "zstd"},
		"quoted comma":            {`zstd;x="a,gzip";q=0.5`, both, "zstd"},
		"tiny":                    {"gzip;q=0.00001", both, "gzip"},
		"exponent":                {"gzip;q=1e-3, zstd;q=1e-5", both, "identity"},
		"three":                   {"br, zstd, gzip;q=0.9", []string{"zstd", "br", "gzip"}, "zstd"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, encodingName(negotiateEncoding(strings.Split(tc.accept, "\n"), tc.offers), tc.offers))
		})
	}
	require.Equal(t, identity, negotiateEncoding(nil, both))
}

func encodingName(i int, offers []string) string {
	switch i {
	case identity:
		return "identity"
	case notAcceptable:
		return "not acceptable"
	default:
		return offers[i]
	}
}

func TestCheckEncodings(t *testing.T) {
	w := func() EncodingWriter { return gzip.NewWriter(io.Discard) }
	for name, tc := range map[string]struct {
		encodings []Encoding
		want      string // empty: valid
	}{
		"none":           {nil, ""},
		"several":        {[]Encoding{{"zstd", w}, {"br", w}, {"x-Own.1", w}}, ""},
		"another gzip":   {[]Encoding{{"gzip", w}}, ""},
		"zero":           {[]Encoding{{}}, `ember: encoding 0 cannot be called ""`},
		"list":           {[]Encoding{{"zstd", w}, {"br, gzip", w}}, `ember: encoding 1 cannot be called "br, gzip"`},
		"line feed":      {[]Encoding{{"br\n", w}}, `ember: encoding 0 cannot be called "br\n"`},
		"not ASCII":      {[]Encoding{{"é", w}}, `ember: encoding 0 cannot be called "é"`},
		"wildcard":       {[]Encoding{{"*", w}}, `ember: encoding 0 cannot be called "*"`},
		"identity":       {[]Encoding{{"Identity", w}}, `ember: encoding 0 cannot be called "Identity"`},
		"no constructor": {[]Encoding{{Name: "zstd"}}, `ember: encoding "zstd" has no NewWriter`},
		"twice":          {[]Encoding{{"zstd", w}, {"br", w}, {"ZSTD", w}}, `ember: encodings 0 and 2 are both called "ZSTD"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkEncodings(tc.encodings)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
}

// recorder is a compressor that remembers what it was reset to.
type recorder struct {
	EncodingWriter
	to []io.Writer
}

func (r *recorder) Reset(w io.Writer) {
	r.to = append(r.to, w)
	r.EncodingWriter.Reset(w)
}

func TestIdleCompressorsLetGoOfTheirResponse(t *testing.T) {
	r := &recorder{EncodingWriter: gzip.NewWriter(io.Discard)}
	var b bytes.Buffer
	require.NoError(t, newCoding(Encoding{"gzip", func() EncodingWriter { return r }}).compress(&b, func(io.Writer) error { return nil }))
	require.Equal(t, []io.Writer{&b, io.Discard}, r.to)
}

// A compressor that was left in the middle of a response serves the next one.
func TestCompressorsAreReused(t *testing.T) {
	made := 0
	c := newCoding(Encoding{"gzip", func() EncodingWriter {
		made++
		return gzip.NewWriter(io.Discard)
	}})
	failure := errors.New("no more")
	for range 100 {
		var cut bytes.Buffer
		require.Equal(t, failure, c.compress(&cut, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("lost", 100_000))
			require.NoError(t, err)
			return failure
		}))
		before := cut.Len()
		var whole bytes.Buffer
		require.NoError(t, c.compress(&whole, func(w io.Writer) error {
			_, err := io.WriteString(w, "x 1\n")
			return err
		}))
		require.Equal(t, before, cut.Len(), "what a response left was written to it later")
		r, err := gzip.NewReader(&whole)
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "x 1\n", string(body))
	}
	require.Less(t, made, 100) // pools drop some at random under the race detector
}
