package connector

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// An smtpServer is a mail server on loopback, which speaks what a client of ours
// needs of RFC 5321, STARTTLS (RFC 3207) and AUTH (RFC 4954).
type smtpServer struct {
	user, password string
	implicit       bool // TLS from the first byte
	noTLS          bool // does not offer STARTTLS
	refuse         string
	hang           string // the command that is never answered

	port  string
	cert  tls.Certificate
	mu    sync.Mutex
	mails []received
	lines []string // what clients said in clear
}

type received struct {
	from, to, data string
	encrypted      bool
	auth           string // how the client proved who it is
}

func (s *smtpServer) start(t *testing.T) *smtpServer {
	t.Helper()
	s.user, s.password, s.cert = "counter", "pass-word-of-smtp", certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	done := make(chan struct{})
	var conns sync.WaitGroup
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				go func() { <-done; c.Close() }()
				s.serve(c)
			})
		}
	}()
	t.Cleanup(func() { close(done); l.Close(); conns.Wait() })
	return s
}

func (s *smtpServer) got() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails
}

func (s *smtpServer) inClear() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func (s *smtpServer) serve(c net.Conn) {
	encrypted := s.implicit
	if encrypted {
		c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.cert}})
	}
	r := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	read := func() (string, bool) {
		line, err := r.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if !encrypted {
			s.mu.Lock()
			s.lines = append(s.lines, line)
			s.mu.Unlock()
		}
		return line, err == nil
	}
	var m received
	say("220 test ESMTP")
	for {
		line, ok := read()
		if !ok {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		if s.hang != "" && verb == s.hang {
			_, _ = r.ReadString(0) // until the client or the test ends it
			return
		}
		if s.refuse != "" && verb == s.refuse {
			say("550 5.1.1 no %s with %s here, see https://mail.example/why?t=token-of-the-link", rest, s.password)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-test\r\n250-8BITMIME\r\n250-SMTPUTF8")
			if !encrypted && !s.noTLS {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2")
		case "STARTTLS":
			say("220 go on")
			c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.cert}})
			r, encrypted, m = bufio.NewReader(c), true, received{}
		case "AUTH":
			if m.auth = s.auth(rest, say, read); m.auth == "" {
				say("535 5.7.8 wrong password %s", s.password)
			} else {
				say("235 welcome")
			}
		case "MAIL":
			m.from = rest
			say("250 ok")
		case "RCPT":
			m.to += rest
			say("250 ok")
		case "DATA":
			say("354 go on")
			var data strings.Builder
			for {
				line, ok := read()
				if !ok {
					return
				}
				if line == "." {
					break
				}
				data.WriteString(strings.TrimPrefix(line, ".") + "\n")
			}
			m.data, m.encrypted = data.String(), encrypted
			s.mu.Lock()
			s.mails = append(s.mails, m)
			s.mu.Unlock()
			say("250 queued")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *smtpServer) auth(rest string, say func(string, ...any), read func() (string, bool)) string {
	method, first, _ := strings.Cut(rest, " ")
	decode := func(text string) string {
		b, _ := base64.StdEncoding.DecodeString(text)
		return string(b)
	}
	ask := func(prompt string) string {
		say("334 %s", base64.StdEncoding.EncodeToString([]byte(prompt)))
		line, _ := read()
		return decode(line)
	}
	ok := false
	switch method {
	case "PLAIN":
		ok = decode(first) == "\x00"+s.user+"\x00"+s.password
	case "LOGIN":
		ok = ask("Username:") == s.user && ask("Password:") == s.password
	case "CRAM-MD5":
		const challenge = "<1.2@test>"
		h := hmac.New(md5.New, []byte(s.password))
		h.Write([]byte(challenge))
		ok = ask(challenge) == s.user+" "+hex.EncodeToString(h.Sum(nil))
	case "XOAUTH2":
		ok = decode(first) == "user="+s.user+"\x01auth=Bearer "+s.password+"\x01\x01"
	}
	if !ok {
		return ""
	}
	return method
}
