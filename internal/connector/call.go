package connector

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/secret"
	"postern/internal/snapshot"
)

// A call is one message on its way out by one connector.
type call struct {
	s         *Service
	cfg       *project.Config
	connector project.Connector
	m         message.Message
	base      string        // where the provider is called, without a slash at its end
	opened    []secret.Text // the credentials that were used, to keep them out of the log
}

var errNotSecret = errors.New("the connector has no such credential")

// configure reads the configuration of the connector into a struct.
func (c *call) configure(into any) error {
	if err := json.Unmarshal(c.connector.Configuration, into); err != nil {
		return errors.New("the configuration of the connector cannot be read") // the error might hold a part of it
	}
	return nil
}

// secret opens a credential of the connector, by the path of its field in the
// configuration, "password" or "authentication/basic/password".
func (c *call) secret(ctx context.Context, path string) (string, error) {
	text, err := c.s.Projects.SecretOf(ctx, c.cfg, "connector", c.connector.ID, "configuration/"+path)
	if err != nil {
		return "", fmt.Errorf("the credential %s: %w", path, err)
	}
	if text.IsZero() {
		return "", errNotSecret
	}
	c.opened = append(c.opened, text)
	return text.Reveal(), nil
}

// configureWith is configure, and secret for the credential that the service asks for.
func (c *call) configureWith(ctx context.Context, into any, path string) (string, error) {
	if err := c.configure(into); err != nil {
		return "", err
	}
	return c.secret(ctx, path)
}

// optional opens a credential that a connector may lack. given is what stands in
// its place in the configuration: where one is stored that is the placeholder, so
// that one which is damaged is an error and not as good as none.
func (c *call) optional(ctx context.Context, path, given string) (string, error) {
	if given != snapshot.Placeholder {
		return "", nil
	}
	return c.secret(ctx, path)
}

// post makes a POST request, and takes every answer but a success for an error.
func (c *call) post(ctx context.Context, in safehttp.Request) ([]byte, error) {
	in.Method = "POST"
	resp, err := c.s.HTTP.Do(ctx, in)
	if err != nil {
		return nil, err
	}
	if resp.Status < 200 || resp.Status > 299 {
		return nil, answer(resp.Status, resp.Body)
	}
	return resp.Body, nil
}

// answer is the error for what a service said, cut to what an operator needs of it.
func answer(status int, body []byte) error {
	const enough = 300
	return &answered{status, strings.ToValidUTF8(string(body[:min(len(body), enough)]), "")}
}

// answered is an answer that is no success.
type answered struct {
	status int
	said   string
}

func (a *answered) Error() string {
	return fmt.Sprintf("the service answered %d: %q", a.status, a.said)
}

// postJSON makes a POST request with a JSON body.
func (c *call) postJSON(ctx context.Context, target string, body any, headers ...safehttp.Header) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	headers = append([]safehttp.Header{{Name: "Content-Type", Value: "application/json"}}, headers...)
	return c.post(ctx, safehttp.Request{URL: target, Headers: headers, Body: text})
}

// postForm makes a POST request with a form.
func (c *call) postForm(ctx context.Context, target string, form url.Values, headers ...safehttp.Header) ([]byte, error) {
	headers = append([]safehttp.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}, headers...)
	return c.post(ctx, safehttp.Request{URL: target, Headers: headers, Body: []byte(form.Encode())})
}

// scrub returns an error as the log may have it. Services repeat what they were
// given, so the recipient, the code, links and credentials are taken out.
func (c *call) scrub(err error) string {
	text := err.Error()
	hide := func(value, with string) {
		if len(value) > 2 {
			text = strings.ReplaceAll(text, value, with)
			text = strings.ReplaceAll(text, url.QueryEscape(value), with)
		}
	}
	for _, s := range c.opened {
		hide(s.Reveal(), s.String())
	}
	if c.m.Kind == message.Email {
		hide(c.m.To, message.MaskEmail(c.m.To))
	} else {
		hide(c.m.To, message.MaskPhone(c.m.To))
		hide(strings.TrimPrefix(c.m.To, "+"), message.MaskPhone(c.m.To))
	}
	hide(c.m.Code, "[code]")
	return regexp.MustCompile(`https?:[\\/]+[^\s"']+`).ReplaceAllString(text, "[link]")
}

// basic returns the value of an Authorization header of the basic scheme (RFC 7617).
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
