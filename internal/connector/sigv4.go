package connector

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/internal/safehttp"
)

// An awsSignature signs requests to AWS: signature version 4, for bodies that are
// whole, and paths and queries that need no encoding beyond that of net/url.
type awsSignature struct {
	id, key         string // of the access key
	region, service string
	at              time.Time
}

// sign returns the headers that a request goes out with: those given, all of which
// are signed, the time, and the signature.
func (s awsSignature) sign(method string, target *url.URL, headers []safehttp.Header, body []byte) []safehttp.Header {
	stamp := s.at.UTC().Format("20060102T150405Z")
	headers = append(headers, safehttp.Header{Name: "X-Amz-Date", Value: stamp})
	names, lines := []string{"host"}, []string{"host:" + target.Host}
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		names, lines = append(names, name), append(lines, name+":"+oneLine(h.Value))
	}
	slices.Sort(names)
	slices.Sort(lines)
	path := target.EscapedPath()
	if path == "" {
		path = "/"
	}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{method, path, target.Query().Encode(), strings.Join(lines, "\n") + "\n", signed, hexSum(body)}, "\n")
	scope := strings.Join([]string{stamp[:8], s.region, s.service, "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hexSum([]byte(request))}, "\n")
	key := []byte("AWS4" + s.key)
	for _, part := range []string{stamp[:8], s.region, s.service, "aws4_request"} {
		key = keyed(key, part)
	}
	proof := "AWS4-HMAC-SHA256 Credential=" + s.id + "/" + scope + ", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(keyed(key, text))
	return append(headers, safehttp.Header{Name: "Authorization", Value: proof})
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func keyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
