// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// series returns a family with a point for each value of a label.
func series(kind metric.Kind, name, label string, values []string) *metric.Family {
	f := &metric.Family{Name: name, Help: "Help.", Kind: kind}
	for _, v := range values {
		f.Points = append(f.Points, metric.Point{Value: 1, Labels: []metric.Label{{Name: label, Value: v}}})
	}
	return f
}

// cardinality returns what Lint says of the values of a label of a counter.
func cardinality(label string, values []string) string {
	return said(series(metric.Counter, "shop_requests_total", label, values))
}

func said(f *metric.Family) string {
	var texts []string
	for _, p := range embertest.Lint(gathered{f}) {
		if p.Rule == embertest.RuleCardinality {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// list returns the values of a function for 0 to n-1.
func list(n int, value func(i int) string) []string {
	var all []string
	for i := range n {
		all = append(all, value(i))
	}
	return all
}

func format(f string) func(int) string { return func(i int) string { return fmt.Sprintf(f, i) } }

func uuid(i int) string {
	h := md5.Sum([]byte{byte(i), byte(i >> 8)})
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:])
}

func sha(i int) string { return fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)})) }

// id returns numbers without a pattern.
func id(i int) string { return fmt.Sprint(100_003 + i*7919) }

// TestUnbounded has, for each kind of values, how many raise suspicion: one fewer do
// not.
func TestUnbounded(t *testing.T) {
	const (
		drop    = "; each of them stays a series: leave the label out, or replace the value by the class it belongs to"
		token   = "; each of them stays a series: leave the label out; an exemplar can carry one of them"
		person  = "; each of them stays a series: leave the label out, and log who it was"
		address = "; each of them stays a series: replace the address by a network, zone or role, or log it"
	)
	for name, tc := range map[string]struct {
		label string
		value func(int) string
		least int
		want  string
	}{
		"numeric ids":                   {"kind", id, 10, `10 distinct values look like numeric ids, such as "100003"` + drop},
		"numeric ids after a word":      {"kind", format("order-%d123"), 10, `10 distinct values look like numeric ids, such as "order-0123"` + drop},
		"measured values":               {"kind", format("0.7%04d1"), 10, `10 distinct values look like numeric ids, such as "0.700001"` + drop},
		"ids of accounts":               {"account", id, 3, `3 distinct values look like numeric ids, such as "100003"` + drop},
		"small ids of customers":        {"customer_id", format("%d"), 3, `3 distinct values look like numeric ids, such as "0"` + drop},
		"user_id":                       {"user_id", format("u%c"), 2, `2 distinct values are new ones again and again, by the label's name, such as "u\x00"` + token},
		"requestId":                     {"requestId", format("r%d"), 2, `2 distinct values are new ones again and again, by the label's name, such as "r0"` + token},
		"names of people":               {"user", func(i int) string { return "jo" + strings.Repeat("o", i) }, 20, `20 distinct values look like people or accounts, such as "jo"` + person},
		"UUIDs":                         {"kind", uuid, 3, `3 distinct values look like UUIDs, such as "25daad3d-9e60-b45043-a70c-4ab7d3b1c6a4"`},
		"UUIDs of machines":             {"node", uuid, 50, ""},
		"hashes":                        {"kind", sha, 5, ""},
		"ids in base 36":                {"kind", format("c9k2m4x7q1z8w3%03d"), 5, ""},
		"e-mail addresses":              {"kind", format("jo%d@example.com"), 2, `2 distinct values look like e-mail addresses, such as "jo0@example.com"` + person},
		"IP addresses":                  {"kind", format("10.1.2.%d"), 10, `10 distinct values look like network addresses, such as "10.1.2.0"` + address},
		"IP addresses of clients":       {"client_ip", format("10.1.2.%d"), 3, `3 distinct values look like network addresses, such as "10.1.2.0"` + address},
		"IP addresses of machines":      {"upstream", format("10.1.2.%d"), 50, ""},
		"addresses with ports":          {"remote", format("127.0.0.1:5%04d"), 3, `3 distinct values look like network addresses, such as "127.0.0.1:50000"` + address},
		"IPv6":                          {"peer", format("2001:db8::%x"), 3, ""},
		"IPv6 with ports":               {"peer", format("[2001:db8::%x]:8080"), 3, ""},
		"MAC addresses":                 {"kind", format("02:42:ac:11:00:%02x"), 10, ""},
		"timestamps":                    {"kind", format("2024-02-03T04:05:%02dZ"), 3, `3 distinct values look like timestamps, such as "2024-02-03T04:05:00Z"; each of them stays a series: make the time the value of a gauge, in seconds since 1970`},
		"Unix times":                    {"started_at", format("17000012%02d"), 3, ""},
		"dates":                         {"kind", format("2024-02-%02d"), 32, ""},
		"paths":                         {"path", format("/users/%d"), 3, `3 distinct values look like paths with ids in them, such as "/users/0"; each of them stays a series: use the route's pattern, such as "/users/{id}"`},
		"paths of endpoints":            {"endpoint", format("/users/%d"), 3, ""},
		"paths elsewhere":               {"kind", func(i int) string { return "GET /users/" + id(i) + "/orders" }, 5, `5 distinct values look like paths with ids in them, such as "GET /users/100003/orders"; each of them stays a series: use the route's pattern, such as "GET /users/{id}/orders"`},
		"URLs":                          {"url", func(i int) string { return "https://example.com/users/" + id(i) }, 3, ""},
		"paths with UUIDs":              {"path", func(i int) string { return "/files/" + uuid(i) + ".png" }, 3, ""},
		"paths with hashes":             {"handler", func(i int) string { return "/files/" + sha(i) }, 3, ""},
		"paths with words and numbers":  {"path", format("/orders/ord_1000%d"), 3, ""},
		"queries":                       {"path", format("/search?q=%c"), 2, `2 distinct values look like URLs with a query, such as "/search?q=\x00"; each of them stays a series: leave out what follows the question mark`},
		"user agents":                   {"kind", format("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/12.0"), 3, `3 distinct values look like user agents, such as "Mozilla/5.0 (X11; Linux x86_64; rv:0.0) Gecko/20100101 Fire…"; each of them stays a series: replace the value by a family, such as "firefox"`},
		"user agents that are programs": {"user_agent", format("curl/8.%d.0"), 3, ""},
		"free text":                     {"kind", format("the order %d cannot be served for want of apples"), 10, `10 distinct values look like free text, such as "the order 0 cannot be served for want of apples"; each of them stays a series: replace the text by a word of a fixed set, and log it`},
		"errors":                        {"error", format("dial tcp 10.0.0.1:5%04d: connect: connection refused"), 5, ""},
		"anything":                      {"kind", func(i int) string { return strings.Repeat("a", i/20) + strings.Repeat("b", i%20) }, 500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := cardinality(tc.label, list(tc.least, tc.value))
			require.Contains(t, got, "distinct values")
			if strings.HasPrefix(tc.want, "3 distinct values look like UUIDs") {
				require.Contains(t, got, "3 distinct values look like UUIDs")
			} else if tc.want != "" {
				require.Equal(t, tc.want, got)
			}
			require.Empty(t, cardinality(tc.label, list(tc.least-1, tc.value)))
			info := series(metric.Info, "shop_x_info", tc.label, list(tc.least, tc.value))
			require.Empty(t, said(info), "an info is there to identify")
		})
	}
}

func TestHashesInBase64(t *testing.T) {
	require.Contains(t, cardinality("kind", list(20, func(i int) string {
		h := sha256.Sum256([]byte{byte(i)})
		return base64.StdEncoding.EncodeToString(h[:])
	})), "distinct values look like hashes or random ids")
}

// TestBounded has the labels of sound services.
func TestBounded(t *testing.T) {
	var statuses, reasons []string
	for code := 100; code < 600; code++ {
		if text := http.StatusText(code); text != "" {
			statuses, reasons = append(statuses, fmt.Sprint(code)), append(reasons, text)
		}
	}
	fields := strings.Fields
	for name, tc := range map[string]struct {
		label  string
		values []string
	}{
		"one UUID":                       {"kind", []string{uuid(1)}},
		"one user_id":                    {"user_id", []string{"1001"}},
		"methods":                        {"method", fields("GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE other")},
		"statuses":                       {"status", statuses},
		"statuses under any name":        {"kind", statuses},
		"reason phrases":                 {"message", reasons},
		"classes of statuses":            {"code", fields("1xx 2xx 3xx 4xx 5xx")},
		"codes of gRPC":                  {"grpc_code", list(17, format("%d"))},
		"names of codes":                 {"code", fields("OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied")},
		"codes of SMTP":                  {"kind", fields("211 214 220 221 250 251 252 354 421 450 451 452 455 500 501 502 503 504 521 530 550 551 552 553 554")},
		"error codes of a database":      {"errno", fields("1005 1007 1022 1040 1044 1045 1046 1049 1054 1062 1064 1142 1146 1205 1213 1451 1452 2002 2003 2006 2013")},
		"SQLSTATE":                       {"sqlstate", fields("00000 01000 08001 08006 22001 22003 22012 23502 23503 23505 40001 40P01 42601 42703 42P01 53300 57014")},
		"versions":                       {"version", fields("1.2.3 1.2.4 1.10.0 2.0.0-rc.1 v0.0.0-20240102030405-0123456789ab go1.26.0 1.2.3.4 1.2.3.5 10.0.1.2")},
		"versions of an API":             {"version", []string{"2023-10-16", "2024-04-10", "2024-06-20", "2024-09-30"}},
		"protocols":                      {"proto", fields("HTTP/1.0 HTTP/1.1 HTTP/2.0 HTTP/2 HTTP/3")},
		"versions of TLS":                {"kind", fields("TLS/1.0 TLS/1.1 TLS/1.2 TLS/1.3")},
		"cipher suites":                  {"cipher", fields("TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 TLS_RSA_WITH_3DES_EDE_CBC_SHA")},
		"routes with braces":             {"route", fields("/ /users /users/{id} /users/{id}/orders/{order} /v1/users /v2/users /health /static/* /api/2/issues /api/3/issues")},
		"routes with colons":             {"path", fields("/users/:id /users/:id/orders /orders/:order/items/:item /v1/things/:id")},
		"routes with types":              {"endpoint", fields("/users/<int:id> /orders/<uuid:order> /users/[id] /files/{path...} /{$}")},
		"routes with methods":            {"handler", []string{"GET /users/{id}", "POST /users", "DELETE /users/{id}", "GET example.com/users/{id}"}},
		"routes with regular expression": {"route", fields("^/users/[0-9]+$ ^/orders/(?P<id>[0-9]+)/?$ /a/?(.*) /b?c={d}")},
		"methods of gRPC":                {"grpc_method", fields("/shop.v1.Orders/Get /shop.v1.Orders/List /shop.v2.Orders/Get2 /grpc.health.v1.Health/Check")},
		"functions":                      {"function", fields("main.main github.com/a/b.(*T).Method-fm github.com/a/b/v2.F.func1 runtime.goexit net/http.HandlerFunc.ServeHTTP")},
		"shards":                         {"shard", list(1024, format("%d"))},
		"shards under any name":          {"kind", list(1024, format("%d"))},
		"shards from one on":             {"kind", list(64, func(i int) string { return fmt.Sprint(i + 1) })},
		"a few of many partitions":       {"partition", list(20, func(i int) string { return fmt.Sprint(3 + i*53) })},
		"processors":                     {"cpu", list(256, format("%d"))},
		"workers":                        {"worker_id", list(32, format("worker-%d"))},
		"sizes":                          {"kind", list(30, func(i int) string { return fmt.Sprint(1 << i) })},
		"size classes":                   {"size", fields("8 16 24 32 48 64 80 96 112 128 144 160 176 192 208 224 240 256 288 320 352 384 416 448 480 512")},
		"limits":                         {"kind", fields("100 200 250 500 1000 2000 2500 5000 10000 15000 20000 100000 1000000")},
		"ports of services":              {"port", fields("22 25 53 80 110 143 443 993 3306 5432 6379 8080 8443 9090 9100 9200 11211 27017")},
		"years":                          {"kind", fields("2019 2020 2021 2022 2023 2024 2025")},
		"bounds":                         {"bound", fields("0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf")},
		"hosts":                          {"host", list(40, format("web-%02d.eu-west-1.example.internal"))},
		"hosts by address":               {"host", list(40, format("ip-10-0-12-%d.ec2.internal"))},
		"pods":                           {"pod", list(40, func(i int) string { return "api-" + sha(i)[:9] + "-" + sha(i)[9:14] })},
		"containers":                     {"container_id", list(40, sha)},
		"instances in a cloud":           {"instance_id", list(40, func(i int) string { return "i-" + sha(i)[:17] })},
		"backends":                       {"backend", list(12, format("10.0.0.%d:8080"))},
		"listeners":                      {"listener", fields("0.0.0.0:8080 0.0.0.0:8443 [::]:9090 127.0.0.1:6060")},
		"zones":                          {"zone", fields("us-east-1a us-east-1b us-east-1c eu-west-1a eu-west-1b ap-southeast-2c")},
		"revisions":                      {"revision", list(12, sha)},
		"short revisions":                {"commit", list(30, func(i int) string { return sha(i)[:7] })},
		"images":                         {"image", list(30, func(i int) string { return "registry.example.com/shop@sha256:" + sha(i) })},
		"modules":                        {"module", fields("github.com/a/b@v1.2.3 golang.org/x/net@v0.1.0 a.example/b@v2.0.0 a.example/c@v2.0.1")},
		"disks":                          {"device", fields("/dev/sda1 /dev/sda2 /dev/nvme0n1p1 /dev/nvme0n1p2 /dev/dm-0 /dev/dm-1")},
		"files of images":                {"image", list(12, format("/images/%d000.png"))},
		"mount points":                   {"mountpoint", list(12, format("/data/%d"))},
		"network interfaces":             {"interface", list(48, format("GigabitEthernet0/1/%d"))},
		"virtual interfaces":             {"iface", list(20, func(i int) string { return "veth" + sha(i)[:7] })},
		"networks":                       {"network", fields("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 10.1.0.0/16 10.2.0.0/16")},
		"topics":                         {"topic", fields("orders.created.v1 orders.created.v2 orders.paid.v1 users.deleted __consumer_offsets")},
		"queues":                         {"queue", fields("arn:aws:sqs:us-east-1:123456789012:orders arn:aws:sqs:us-east-1:123456789012:mails arn:aws:sqs:us-east-1:123456789012:refunds")},
		"tables":                         {"table", fields("users orders order_items audit_2023 audit_2024 pg_catalog.pg_class")},
		"statements":                     {"operation", fields("SELECT INSERT UPDATE DELETE BEGIN COMMIT")},
		"queries by name":                {"query", fields("get_user list_orders insert_order_2 top10_products")},
		"prepared statements":            {"kind", list(9, format("SELECT a, b, c FROM table_%d WHERE id = $1 AND x = $2"))},
		"cron":                           {"schedule", []string{"*/5 * * * *", "0 3 * * 1-5", "15 14 1 * *", "@daily", "0 22 * * 1-5", "5 4 * * sun"}},
		"content types":                  {"content_type", []string{"application/json; charset=utf-8", "text/html", "application/vnd.api+json; version=1", "multipart/form-data", "image/svg+xml"}},
		"character sets":                 {"charset", fields("utf-8 us-ascii iso-8859-1 iso-8859-15 windows-1250 windows-1251 windows-1252 windows-1253 shift_jis gb18030 big5")},
		"languages":                      {"lang", fields("en-US en-GB de-DE fr-FR pt-BR zh-Hans-CN")},
		"countries":                      {"country", strings.Split("AD AE AF AG AI AL AM AO AR AS AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH", " ")},
		"currencies":                     {"currency", fields("EUR USD GBP JPY CHF SEK")},
		"features":                       {"feature", list(60, format("new_checkout_%d"))},
		"tenants":                        {"tenant", fields("acme globex initech umbrella hooli")},
		"kinds of users":                 {"user_type", fields("admin guest member bot")},
		"kinds of e-mails":               {"email", fields("welcome reset invoice digest")},
		"resumption of sessions":         {"session", fields("new resumed")},
		"families of browsers":           {"user_agent", fields("chrome firefox safari edge other")},
		"kinds of addresses":             {"ip", fields("v4 v6")},
		"names of URLs":                  {"url", fields("login logout home")},
		"errors":                         {"error", []string{"timeout", "connection refused", "no such host", "context deadline exceeded", "EOF", "TLS handshake failed"}},
		"errors by code":                 {"reason", list(40, format("E10%02d"))},
		"systemd units":                  {"name", fields("sshd.service user@1000.service getty@tty1.service systemd-fsck@dev-disk-by\\x2duuid.service")},
		"models":                         {"model", fields("small-4 small-4o-2024-08-06 great-3-opus-20240229 middle-3.1-70b text-embedding-3-large")},
		"CPU models":                     {"model_name", []string{"Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "AMD EPYC 7B12", "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz"}},
		"booleans and nothing":           {"cached", []string{"true", "false", ""}},
		"phases":                         {"phase", fields("queued running done failed")},
		"compression":                    {"encoding", fields("gzip zstd br identity deflate")},
		"times of day":                   {"hour", list(24, format("%02d"))},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, cardinality(tc.label, tc.values))
		})
	}
}

// An id among names is no reason to suspect the names.
func TestMixedValues(t *testing.T) {
	routes := list(50, format("/route%d/{id}"))
	require.Empty(t, cardinality("path", append(routes, "/users/1", "/users/2")))
	require.Equal(t, `3 of 53 distinct values look like paths with ids in them, such as "/users/1"; each of them stays a series: use the route's pattern, such as "/users/{id}"`,
		cardinality("path", append(routes, "/users/1", "/users/2", "/users/3")))
	require.Empty(t, cardinality("kind", append(list(60, format("kind %d")), list(12, id)...)))
	require.Contains(t, cardinality("kind", append(list(30, format("kind %d")), list(12, id)...)), "12 of 42 distinct values look like numeric ids")
	require.Contains(t, cardinality("kind", append(list(10, id), "", "unknown", "other")), "10 of 13 distinct values look like numeric ids")
}

// The labels of one series may be of any kind, as may those that all series share.
func TestOneValue(t *testing.T) {
	f := series(metric.Counter, "shop_requests_total", "method", []string{"GET", "POST", "PUT"})
	for i := range f.Points {
		f.Points[i].Labels = append(f.Points[i].Labels,
			metric.Label{Name: "commit", Value: sha(1)}, metric.Label{Name: "request_id", Value: uuid(1)}, metric.Label{Name: "email", Value: "jo@example.com"})
	}
	require.Empty(t, said(f))
}

func TestInfos(t *testing.T) {
	info := metric.Family{Name: "shop_target_info", Help: "Help.", Kind: metric.Info}
	for i := range 25 {
		info.Points = append(info.Points, metric.Point{Value: 1, Labels: []metric.Label{
			{Name: "service_instance_id", Value: uuid(i)},
			{Name: "host", Value: fmt.Sprintf("host%d", i)},
			{Name: "ip", Value: fmt.Sprintf("10.0.0.%d", i)},
			{Name: "revision", Value: sha(i)},
			{Name: "version", Value: fmt.Sprintf("1.2.%d", i)},
		}})
	}
	require.Empty(t, said(&info))
	info.Kind = metric.Gauge
	require.Empty(t, said(&info), "a gauge that is always 1 is an info")
	info.Points[3].Value = 2
	require.NotEmpty(t, said(&info))
	for i := range 100 {
		info.Points = append(info.Points, metric.Point{Value: 1, Labels: []metric.Label{{Name: "request", Value: uuid(i)}}})
	}
	info.Kind = metric.Info
	require.Contains(t, said(&info), "100 distinct values look like UUIDs")
}

func TestStatesAreBounded(t *testing.T) {
	require.Empty(t, found(gathered{series(metric.StateSet, "shop_state", "shop_state", list(64, uuid))}))
}

func TestExamples(t *testing.T) {
	for name, tc := range map[string]struct{ value, want string }{
		"short":            {"/a?b=c", `"/a?b=c"`},
		"as long as it is": {"/a?b=" + strings.Repeat("x", 57), `"/a?b=` + strings.Repeat("x", 57) + `"`},
		"too long":         {"/a?b=" + strings.Repeat("x", 58), `"/a?b=` + strings.Repeat("x", 54) + `…"`},
		"wide characters":  {"/a?b=" + strings.Repeat("☃", 40), `"/a?b=` + strings.Repeat("☃", 18) + `…"`},
		"escapes":          {"/a?b=" + strings.Repeat("\n", 40), `"/a?b=` + strings.Repeat(`\n`, 27) + `…"`},
		"not UTF-8":        {"/a?b=" + strings.Repeat("\xff", 100), `"/a?b=` + strings.Repeat(`\xff`, 13) + `…"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := cardinality("path", []string{tc.value, "/b?b=c"})
			_, example, ok := strings.Cut(got, "such as ")
			require.True(t, ok, got)
			example, _, _ = strings.Cut(example, "; each")
			require.Equal(t, tc.want, example)
			require.LessOrEqual(t, len(example), 64)
		})
	}
}
