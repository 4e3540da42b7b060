package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailbox is a mail server that takes everything and keeps it, as far as RFC 5321 and RFC 4954 are needed for it.
type mailbox struct {
	host, port string

	mu    sync.Mutex
	mails map[string][]string // by recipient: the texts that were not taken yet
	came  *sync.Cond
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{mails: map[string][]string{}}
	m.came = sync.NewCond(&m.mu)
	m.host, m.port, _ = net.SplitHostPort(l.Addr().String())
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(c)
		}
	}()
	return m
}

// serve speaks with one client until it goes.
func (m *mailbox) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	text := textproto.NewConn(c)
	say := func(format string, args ...any) { _ = text.PrintfLine(format, args...) }
	say("220 mailbox ESMTP")
	var to []string
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		switch verb, rest, _ := strings.Cut(line, " "); strings.ToUpper(verb) {
		case "EHLO":
			say("250-mailbox")
			say("250-8BITMIME")
			say("250 AUTH PLAIN LOGIN")
		case "AUTH":
			if strings.HasPrefix(strings.ToUpper(rest), "LOGIN") {
				for _, ask := range []string{"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"} {
					say("%s", ask)
					if _, err := text.ReadLine(); err != nil {
						return
					}
				}
			}
			say("235 yes")
		case "RCPT":
			address := rest[strings.IndexByte(rest, '<')+1:]
			to = append(to, strings.ToLower(address[:strings.IndexByte(address, '>')]))
			say("250 ok")
		case "DATA":
			say("354 go on")
			body, err := text.ReadDotBytes()
			if err != nil {
				return
			}
			m.put(to, body)
			to = nil
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailbox) put(to []string, raw []byte) {
	text := readable(raw)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, address := range to {
		m.mails[address] = append(m.mails[address], text)
	}
	m.came.Broadcast()
}

// readable returns the subject and every text of a mail, decoded.
func readable(raw []byte) string {
	msg, err := mail.ReadMessage(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return string(raw)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	return subject + "\n" + part(textproto.MIMEHeader(msg.Header), msg.Body)
}

func part(h textproto.MIMEHeader, body io.Reader) string {
	media, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if strings.HasPrefix(media, "multipart/") {
		var all strings.Builder
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err != nil {
				return all.String()
			}
			all.WriteString(part(p.Header, p))
		}
	}
	if strings.EqualFold(h.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, _ := io.ReadAll(body)
	return string(text) + "\n"
}

// take waits for a mail to an address and returns its text.
func (m *mailbox) take(t *testing.T, to string) string {
	t.Helper()
	deadline := time.AfterFunc(startWithin, m.came.Broadcast)
	defer deadline.Stop()
	began := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.mails[to]) == 0 {
		if time.Since(began) > startWithin {
			t.Fatalf("no mail came to %s", to)
		}
		m.came.Wait()
	}
	text := m.mails[to][0]
	m.mails[to] = m.mails[to][1:]
	return text
}

var (
	codePattern = regexp.MustCompile(`\b[0-9]{6}\b`)
	linkPattern = regexp.MustCompile(`https://[^\s"'<>()]*[?&]t=[A-Za-z0-9._~%-]+`)
)

func (m *mailbox) code(t *testing.T, to string) string {
	t.Helper()
	text := m.take(t, to)
	code := codePattern.FindString(text)
	if code == "" {
		t.Fatalf("there is no code in %q", text)
	}
	return code
}

// links returns the links of a mail that carry a token, each once, in their order.
func (m *mailbox) links(t *testing.T, to string) []string {
	t.Helper()
	text := strings.ReplaceAll(m.take(t, to), "&amp;", "&")
	var out []string
	seen := map[string]bool{}
	for _, l := range linkPattern.FindAllString(text, -1) {
		if !seen[l] {
			out = append(out, l)
		}
		seen[l] = true
	}
	if len(out) == 0 {
		t.Fatalf("there is no link in %q", text)
	}
	return out
}

// token returns what a link carries.
func token(t *testing.T, link string) string {
	t.Helper()
	_, after, ok := strings.Cut(link, "t=")
	if !ok {
		t.Fatalf("no token in %s", link)
	}
	value, _, _ := strings.Cut(after, "&")
	return value
}

// connector is the mailbox as a connector of a snapshot.
func (m *mailbox) connector(id string) map[string]any {
	var port int
	_, _ = fmt.Sscan(m.port, &port)
	return map[string]any{
		"id": id, "name": "Mailbox", "type": "smtp", "description": "",
		"configuration": map[string]any{
			"authMethod": "plain", "fromEmail": "door@shop.example", "fromName": "The door", "host": m.host, "port": port,
			"username": "door", "password": "PLACEHOLDER_VALUE", "useStaticIps": false,
		},
	}
}
