package connector

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-json-experiment/json"

	"postern/internal/message"
	"postern/internal/safehttp"
	"postern/internal/secret"
	"postern/internal/snapshot"
)

// signatureHeader carries the base64 of the HMAC-SHA256 of the body. The name is
// that which receivers of the wire look for.
const signatureHeader = "x-descope-webhook-s256"

type (
	genericConfig struct {
		PostURL  string `json:"postUrl"`
		Sender   string `json:"sender"`
		endpoint `json:",embed"`
	}
	// endpoint is how calls to a place of the project's choice are made.
	endpoint struct {
		Authentication authentication `json:"authentication"`
		Headers        []keyValue     `json:"headers"`
		HMACSecret     string         `json:"hmacSecret"` // the placeholder, or blank
		Insecure       bool           `json:"insecure"`
	}
	keyValue struct {
		Key    string `json:"key"`
		Value  string `json:"value"`  // a placeholder, where it is secret
		Secret bool   `json:"secret"` // it is a credential
	}
	authentication struct {
		Method string `json:"method"`
		Basic  *struct {
			Username string `json:"username"`
		} `json:"basic"`
		APIKey *struct {
			Key string `json:"key"`
		} `json:"apiKey"`
		OAuth *struct {
			ClientID  string     `json:"clientId"`
			AuthURL   string     `json:"authUrl"`
			AuthStyle string     `json:"authStyle"`
			Scopes    string     `json:"scopes"`
			Headers   []keyValue `json:"tokenRequestHeaders"`
		} `json:"oauth2ClientCredentials"`
	}
	// genericBody is what a gateway is given. The names of the first four are the
	// wire's; a gateway for text messages knows no others.
	genericBody struct {
		Recipient string `json:"recipient"`
		Sender    string `json:"sender"`
		Body      string `json:"body"`
		Token     string `json:"token"` // the code alone; blank for a message without one
		Subject   string `json:"subject,omitzero"`
		Text      string `json:"bodyPlainText,omitzero"`
		Kind      string `json:"kind"`
	}
)

// sendGeneric posts a message to an endpoint of the project's choice.
func sendGeneric(ctx context.Context, c *call) error {
	var in genericConfig
	if err := c.configure(&in); err != nil {
		return err
	}
	body, err := json.Marshal(genericBody{
		Recipient: c.m.To, Sender: cmp.Or(c.m.From, in.Sender), Subject: c.m.Subject,
		Body: cmp.Or(c.m.HTML, c.m.Text), Text: plainBeside(c.m), Token: c.m.Code, Kind: string(c.m.Kind),
	})
	if err != nil {
		return err
	}
	return c.postSigned(ctx, in.PostURL, in.endpoint, body)
}

// postSigned posts JSON to an endpoint of the project's choice, with its headers, with
// what proves who calls, and signed.
func (c *call) postSigned(ctx context.Context, target string, in endpoint, body []byte) error {
	headers := []safehttp.Header{{Name: "Content-Type", Value: "application/json"}}
	more, err := c.headers(ctx, in.Headers, "headers")
	if err != nil {
		return err
	}
	proof, err := c.authenticate(ctx, in.Authentication, in.Insecure)
	if err != nil {
		return err
	}
	headers = append(append(headers, more...), proof...)
	key, err := c.optional(ctx, "hmacSecret", in.HMACSecret)
	if err != nil {
		return err
	}
	if key != "" {
		headers = append(headers, safehttp.Header{Name: signatureHeader, Value: sign(key, body)})
	}
	_, err = c.post(ctx, safehttp.Request{URL: target, Headers: headers, Body: body, Insecure: in.Insecure})
	return err
}

// plainBeside is the text of a mail that has HTML, too.
func plainBeside(m message.Message) string {
	if m.HTML == "" {
		return ""
	}
	return m.Text
}

// headers returns further headers of a request. A credential among them is opened by
// the path of the list in the configuration.
func (c *call) headers(ctx context.Context, list []keyValue, path string) ([]safehttp.Header, error) {
	var out []safehttp.Header
	named := map[string]int{}
	for _, kv := range list {
		named[kv.Key]++
		if kv.Secret {
			var err error
			if kv.Value, err = c.optional(ctx, path+"/"+snapshot.KeyedItem(kv.Key, named[kv.Key])+"/value", kv.Value); err != nil {
				return nil, err
			}
		}
		out = append(out, safehttp.Header{Name: kv.Key, Value: kv.Value})
	}
	return out, nil
}

func sign(key string, body []byte) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

var errAuthentication = errors.New("the authentication of the connector is not complete")

// authenticate returns the headers that prove who calls.
func (c *call) authenticate(ctx context.Context, a authentication, insecure bool) ([]safehttp.Header, error) {
	header := func(name, format, path string) ([]safehttp.Header, error) {
		value, err := c.secret(ctx, "authentication/"+path)
		return []safehttp.Header{{Name: name, Value: fmt.Sprintf(format, value)}}, err
	}
	switch {
	case a.Method == "" || a.Method == "none":
		return nil, nil
	case a.Method == "bearerToken":
		return header("Authorization", "Bearer %s", "bearerToken")
	case a.Method == "basic" && a.Basic != nil:
		password, err := c.secret(ctx, "authentication/basic/password")
		return []safehttp.Header{{Name: "Authorization", Value: basic(a.Basic.Username, password)}}, err
	case a.Method == "apiKey" && a.APIKey != nil && a.APIKey.Key != "":
		return header(a.APIKey.Key, "%s", "apiKey/token")
	case a.Method == "oauth2ClientCredentials" && a.OAuth != nil:
		token, err := c.clientCredentials(ctx, a, insecure)
		return []safehttp.Header{{Name: "Authorization", Value: "Bearer " + token}}, err
	}
	return nil, errAuthentication
}

// clientCredentials fetches a token for the connector itself (RFC 6749, section
// 4.4).
func (c *call) clientCredentials(ctx context.Context, a authentication, insecure bool) (string, error) {
	password, err := c.secret(ctx, "authentication/oauth2ClientCredentials/clientSecret")
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if a.OAuth.Scopes != "" {
		form.Set("scope", a.OAuth.Scopes)
	}
	more, err := c.headers(ctx, a.OAuth.Headers, "authentication/oauth2ClientCredentials/tokenRequestHeaders")
	if err != nil {
		return "", err
	}
	headers := append([]safehttp.Header{
		{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}, {Name: "Accept", Value: "application/json"},
	}, more...)
	if a.OAuth.AuthStyle == "body" {
		form.Set("client_id", a.OAuth.ClientID)
		form.Set("client_secret", password)
	} else {
		headers = append(headers, safehttp.Header{Name: "Authorization", Value: basic(url.QueryEscape(a.OAuth.ClientID), url.QueryEscape(password))})
	}
	body, err := c.post(ctx, safehttp.Request{URL: a.OAuth.AuthURL, Headers: headers, Body: []byte(form.Encode()), Insecure: insecure})
	if err != nil {
		return "", fmt.Errorf("fetch a token: %w", err)
	}
	var out struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Token == "" {
		return "", errors.New("fetch a token: the answer has none")
	}
	c.opened = append(c.opened, secret.New(out.Token))
	return out.Token, nil
}
