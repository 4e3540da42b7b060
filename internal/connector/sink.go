package connector

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/project"
	"postern/internal/safehttp"
)

// A sink sends records of the audit by a type of connector, in one request.
type sink struct {
	send func(context.Context, *call, []record) error
	base string // where the provider is called; blank for a service whose address is in the configuration
}

// sinks are the types that take the audit over HTTP, by their names in the snapshot.
// Their forms are those that the providers publish.
func sinks() map[string]sink {
	return map[string]sink{
		"audit-webhook": {send: toWebhook},
		"coralogix":     {send: toCoralogix},
		"cribl":         {send: toCribl},
		"datadog":       {send: toDatadog, base: "https://http-intake.logs.{site}"},
		"newrelic":      {send: toNewRelic, base: "https://{host}"},
		"opentelemetry": {send: toOpenTelemetry},
		"splunk":        {send: toSplunk},
		"sumologic":     {send: toSumoLogic},
	}
}

// sinkOf returns the sink of a connector, if it takes the audit.
func sinkOf(c project.Connector) (sink, bool) {
	to, ok := sinks()[c.Type]
	if !ok || c.Disabled {
		return sink{}, false
	}
	var settings streamSettings
	if err := json.Unmarshal(c.Configuration, &settings); err != nil {
		return sink{}, false
	}
	return to, settings.AuditEnabled == nil || *settings.AuditEnabled
}

// product is what services of logs know the records by.
const product = "postern"

// toWebhook posts an array, as receivers of the wire expect, of one record, too.
func toWebhook(ctx context.Context, c *call, records []record) error {
	var in struct {
		BaseURL  string `json:"baseUrl"`
		endpoint `json:",embed"`
	}
	if err := c.configure(&in); err != nil {
		return err
	}
	body, err := json.Marshal(texts(records))
	if err != nil {
		return err
	}
	return c.postSigned(ctx, in.BaseURL, in.endpoint, body)
}

func texts(records []record) []jsontext.Value {
	out := make([]jsontext.Value, len(records))
	for i, r := range records {
		out[i] = r.text
	}
	return out
}

// lines are records one a line.
func lines(records []record) []byte { return joined(texts(records)) }

func joined(list []jsontext.Value) []byte {
	var b bytes.Buffer
	for _, v := range list {
		b.Write(v)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// toDatadog uses the intake of logs, version 2.
func toDatadog(ctx context.Context, c *call, records []record) error {
	var in struct {
		Site   string `json:"site"`
		Source string `json:"source"`
		Tags   string `json:"tags"`
	}
	key, err := c.configureWith(ctx, &in, "apiKey")
	if err != nil {
		return err
	}
	var body []map[string]any
	for _, r := range records {
		body = append(body, map[string]any{
			"ddsource": cmp.Or(in.Source, product), "ddtags": in.Tags, "service": product, "status": r.Level, "message": r.Action,
			"timestamp": r.At.UnixMilli(), "audit": r.text,
		})
	}
	site := strings.TrimSuffix(strings.TrimPrefix(cmp.Or(in.Site, "datadoghq.com"), "https://"), "/")
	_, err = c.postJSON(ctx, strings.ReplaceAll(c.base, "{site}", site)+"/api/v2/logs", body, safehttp.Header{Name: "DD-API-KEY", Value: key})
	return err
}

// toNewRelic uses the API of logs, version 1.
func toNewRelic(ctx context.Context, c *call, records []record) error {
	var in struct {
		DataCenter string `json:"dataCenter"`
		Override   bool   `json:"overrideLogsPrefix"`
		Prefix     string `json:"logsPrefix"`
	}
	key, err := c.configureWith(ctx, &in, "apiKey")
	if err != nil {
		return err
	}
	host := map[string]string{"": "log-api.newrelic.com", "us": "log-api.newrelic.com", "eu": "log-api.eu.newrelic.com", "fedramp": "gov-log-api.newrelic.com"}[strings.ToLower(in.DataCenter)]
	if host == "" {
		return errors.New("the data center is not known: it is US, EU or FedRAMP")
	}
	prefix := "descope." // the default of the format
	if in.Override {
		prefix = in.Prefix
	}
	var logs []map[string]any
	for _, r := range records {
		logs = append(logs, map[string]any{
			"timestamp": r.At.UnixMilli(), "message": r.Action, "attributes": map[string]any{"level": r.Level, prefix + "audit": r.text},
		})
	}
	body := []any{map[string]any{"common": map[string]any{"attributes": map[string]any{"service": product}}, "logs": logs}}
	_, err = c.postJSON(ctx, strings.ReplaceAll(c.base, "{host}", host)+"/log/v1", body, safehttp.Header{Name: "Api-Key", Value: key})
	return err
}

// toCoralogix uses the REST API of single logs, version 1.
func toCoralogix(ctx context.Context, c *call, records []record) error {
	var in struct {
		Endpoint string `json:"endpoint"`
	}
	key, err := c.configureWith(ctx, &in, "bearerToken")
	if err != nil {
		return err
	}
	severity := map[string]int{"info": 3, "warn": 4, "error": 5}
	var body []map[string]any
	for _, r := range records {
		body = append(body, map[string]any{
			"applicationName": product, "subsystemName": "audit", "severity": severity[r.Level], "timestamp": r.At.UnixMilli(), "text": r.text,
		})
	}
	_, err = c.postJSON(ctx, place(in.Endpoint, "/logs/v1/singles"), body, safehttp.Header{Name: "Authorization", Value: "Bearer " + key})
	return err
}

// toCribl uses the bulk API of a source of HTTP.
func toCribl(ctx context.Context, c *call, records []record) error {
	var in struct {
		Endpoint string `json:"endpoint"`
		Token    string `json:"authToken"` // the placeholder, or blank
		Source   string `json:"source"`
	}
	if err := c.configure(&in); err != nil {
		return err
	}
	headers := []safehttp.Header{{Name: "Content-Type", Value: "application/json"}}
	key, err := c.optional(ctx, "authToken", in.Token)
	if err != nil {
		return err
	}
	if key != "" {
		headers = append(headers, safehttp.Header{Name: "Authorization", Value: key})
	}
	var list []jsontext.Value
	for _, r := range records {
		text, err := json.Marshal(map[string]any{"_time": seconds(r.At), "source": cmp.Or(in.Source, product), "_raw": string(r.text)}, json.Deterministic(true))
		if err != nil {
			return err
		}
		list = append(list, text)
	}
	_, err = c.post(ctx, safehttp.Request{URL: place(in.Endpoint, "/cribl/_bulk"), Headers: headers, Body: joined(list)})
	return err
}

// toSplunk uses the HTTP event collector.
func toSplunk(ctx context.Context, c *call, records []record) error {
	var in struct {
		URL   string `json:"hecUrl"`
		Index string `json:"index"`
	}
	key, err := c.configureWith(ctx, &in, "hecToken")
	if err != nil {
		return err
	}
	var list []jsontext.Value
	for _, r := range records {
		e := map[string]any{"time": seconds(r.At), "source": product, "sourcetype": "_json", "event": r.text}
		if in.Index != "" {
			e["index"] = in.Index
		}
		text, err := json.Marshal(e, json.Deterministic(true))
		if err != nil {
			return err
		}
		list = append(list, text)
	}
	headers := []safehttp.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Authorization", Value: "Splunk " + key}}
	_, err = c.post(ctx, safehttp.Request{URL: place(in.URL, "/services/collector/event"), Headers: headers, Body: joined(list)})
	return err
}

// toSumoLogic posts lines to the address of an HTTP source, which is a credential.
func toSumoLogic(ctx context.Context, c *call, records []record) error {
	target, err := c.secret(ctx, "httpSourceUrl")
	if err != nil {
		return err
	}
	_, err = c.post(ctx, safehttp.Request{URL: target, Headers: []safehttp.Header{{Name: "Content-Type", Value: "application/json"}}, Body: lines(records)})
	return err
}

// toOpenTelemetry uses OTLP over HTTP with JSON.
func toOpenTelemetry(ctx context.Context, c *call, records []record) error {
	var in struct {
		Endpoint string `json:"endpoint"`
		Protocol string `json:"protocol"`
		endpoint `json:",embed"`
	}
	if err := c.configure(&in); err != nil {
		return err
	}
	if in.Protocol == "grpc" {
		return errors.New("only the protocol http is spoken")
	}
	text := func(s string) map[string]any { return map[string]any{"stringValue": s} }
	attribute := func(name, value string) map[string]any {
		return map[string]any{"key": name, "value": text(value)}
	}
	severity := map[string]int{"info": 9, "warn": 13, "error": 17}
	var logs []any
	for _, r := range records {
		logs = append(logs, map[string]any{
			"timeUnixNano": strconv.FormatInt(r.At.UnixNano(), 10), "severityNumber": severity[r.Level], "severityText": strings.ToUpper(r.Level),
			"body": text(string(r.text)), "attributes": []any{attribute("audit.action", r.Action), attribute("audit.id", r.ID)},
		})
	}
	body, err := json.Marshal(map[string]any{"resourceLogs": []any{map[string]any{
		"resource":  map[string]any{"attributes": []any{attribute("service.name", product)}},
		"scopeLogs": []any{map[string]any{"scope": map[string]any{"name": product + "/audit"}, "logRecords": logs}},
	}}})
	if err != nil {
		return err
	}
	return c.postSigned(ctx, place(in.Endpoint, "/v1/logs"), in.endpoint, body)
}

// place is where an endpoint takes records: at the path that it names, or at the usual
// one. One without a scheme is reached over HTTPS.
func place(endpoint, usual string) string {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return endpoint
	}
	u.Path = usual
	return u.String()
}

// silent are the connectors of a configuration that were to take the audit, and whose
// type this server cannot send it to.
func silent(cfg *project.Config) []project.Connector {
	var out []project.Connector
	for _, id := range slices.Sorted(maps.Keys(cfg.Connectors)) {
		c := cfg.Connectors[id]
		var settings streamSettings
		if err := json.Unmarshal(c.Configuration, &settings); err != nil || settings.AuditEnabled == nil || !*settings.AuditEnabled || c.Disabled {
			continue
		}
		if _, ok := sinkOf(c); !ok {
			out = append(out, c)
		}
	}
	return out
}
