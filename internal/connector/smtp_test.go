package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/safehttp"
)

func (s *smtpServer) conn(host, method string) conn {
	return conn{"smtp", fmt.Sprintf(`{"fromEmail":"counter@shop.example","fromName":"Lantern & Quill","host":%q,"port":%s,"username":%q,"password":%q,"authMethod":%q}`,
		host, s.port, s.user, s.password, method)}
}

// The server gets one mail, with one recipient, as it was written.
func TestSMTP(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"plain", "login"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := (&smtpServer{}).start(t)
			f := one(t, s.conn("127.0.0.1", method))
			if err := f.Send(t.Context(), f.cfg, "CI1", anEmail()); err != nil {
				t.Fatalf("%v\n%s", err, f.logs)
			}
			got := s.got()
			if len(got) != 1 {
				t.Fatalf("%d mails", len(got))
			}
			m := got[0]
			if !m.encrypted || m.auth != strings.ToUpper(method) || !strings.HasPrefix(m.from, "FROM:<counter@shop.example>") || m.to != "TO:<ada@people.example>" {
				t.Errorf("the envelope: %+v", m)
			}
			if strings.Contains(s.inClear(), "AUTH") {
				t.Errorf("the password went in clear:\n%s", s.inClear())
			}
			wantMail(t, m.data)
		})
	}
}

// wantMail reads a mail as a client does.
func wantMail(t *testing.T, data string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || *from[0] != (netmail.Address{Name: "Lantern & Quill", Address: "counter@shop.example"}) {
		t.Errorf("From: %v %v", from, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != "ada@people.example" {
		t.Errorf("To: %v %v", to, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "Zwölf – 123456" {
		t.Errorf("Subject: %q %v", subject, err)
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@shop.example>") {
		t.Errorf("Message-ID %q names something else than the sender", id)
	}
	if date, err := m.Header.Date(); err != nil || time.Since(date) > time.Minute {
		t.Errorf("Date: %v %v", date, err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type: %s %v", kind, err)
	}
	var parts []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err != nil {
			break
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, strings.TrimSpace(p.Header.Get("Content-Type")+" "+string(body)))
	}
	want := []string{"text/plain; charset=UTF-8 Code 123456", "text/html; charset=UTF-8 <p>Code 123456</p>"}
	if fmt.Sprint(parts) != fmt.Sprint(want) {
		t.Errorf("the parts are %q, want %q", parts, want)
	}
}

// A server is told the password in clear, or spoken to in clear at all, only where
// the operator allows its address.
func TestSMTPInClear(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host  string
		allow string
		plain bool // the server has no TLS
		ok    bool
	}{
		"a server that is allowed, with TLS":          {"127.0.0.1", "127.0.0.1", false, true},
		"a server that is allowed, without TLS":       {"127.0.0.1", "127.0.0.1", true, true},
		"a server that is allowed by its name":        {"localhost", "localhost", true, true},
		"a certificate that is not for this host":     {"localhost", "localhost", false, false},
		"a server that is not allowed":                {"127.0.0.1", "10.0.0.1", false, false},
		"a name that resolves to what is not allowed": {"localhost", "10.0.0.1", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&smtpServer{noTLS: c.plain}).start(t)
			f := one(t, s.conn(c.host, "plain"))
			f.allow(t, safehttp.Options{}, c.allow)
			err := f.Send(t.Context(), f.cfg, "CI1", anEmail())
			if (err == nil) != c.ok {
				t.Errorf("Send: %v, want it to go: %v\n%s", err, c.ok, f.logs)
			}
			if !c.ok && (len(s.got()) > 0 || strings.Contains(s.inClear(), "AUTH")) {
				t.Errorf("the server was told something: %s", s.inClear())
			}
		})
	}
}

// Without leave to go in clear a server must offer encryption, even one that could
// be reached.
func TestSMTPWantsTLS(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*smtpServer{"with STARTTLS": {}, "without": {noTLS: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.start(t)
			f := one(t)
			conn, err := f.HTTP.Dialer().DialContext(t.Context(), "tcp", "127.0.0.1:"+s.port)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			client, err := smtpClient(f.HTTP, smtpConfig{Host: "127.0.0.1", Port: 25, Username: s.user}, s.password, conn, false)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := letter("", "a@shop.example", anEmail())
			if err != nil {
				t.Fatal(err)
			}
			err = client.DialAndSendWithContext(t.Context(), msg)
			if (err == nil) == s.noTLS || strings.Contains(s.inClear(), "AUTH") {
				t.Errorf("%v\n%s", err, s.inClear())
			}
		})
	}
}

// Port 465 is encrypted from its first byte. Nobody but root may listen there, so
// the test is of the client alone.
func TestSMTPImplicitTLS(t *testing.T) {
	t.Parallel()
	s := (&smtpServer{implicit: true, noTLS: true}).start(t)
	f := one(t)
	for _, method := range []string{"plain", "login", "cram-md5", "xoauth2", "CRAM-MD5"} {
		conn, err := f.HTTP.Dialer().DialContext(t.Context(), "tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Fatal(err)
		}
		client, err := smtpClient(f.HTTP, smtpConfig{Host: "127.0.0.1", Port: smtpTLSPort, Username: s.user, AuthMethod: method}, s.password, conn, false)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := letter("", "a@shop.example", message.Message{To: "ada@people.example", Subject: "s", Text: "t"})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.DialAndSendWithContext(t.Context(), msg); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		conn.Close()
	}
	var methods []string
	for _, m := range s.got() {
		methods = append(methods, m.auth)
	}
	if want := "[PLAIN LOGIN CRAM-MD5 XOAUTH2 CRAM-MD5]"; fmt.Sprint(methods) != want {
		t.Errorf("the methods were %v, want %s", methods, want)
	}
	if s.inClear() != "" {
		t.Errorf("in clear: %s", s.inClear())
	}
}

// A failure says which connector failed, and nothing of the recipient, the message
// or the password, neither to the caller nor in the log.
func TestSMTPFailures(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*smtpServer{
		"a server that refuses the recipient": {refuse: "RCPT"},
		"a server that refuses the mail":      {refuse: "DATA"},
		"a server that refuses the password":  {refuse: "AUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.start(t)
			f := one(t, s.conn("127.0.0.1", "plain"))
			err := f.Send(t.Context(), f.cfg, "CI1", anEmail())
			e := fault.From(err)
			if !errors.Is(err, ErrSend) || e.Kind != fault.Unavailable || e.Message != `the connector "Gate 1" could not send the message` {
				t.Errorf("Send = %v (%+v)", err, e)
			}
			log := f.logs.String()
			if !strings.Contains(log, "550") || !strings.Contains(log, "connector=CI1") {
				t.Errorf("the log does not say why:\n%s", log)
			}
			for _, secret := range []string{"ada@", s.password, "123456", "token-of-the-link"} {
				if strings.Contains(log+fmt.Sprintf("%v %+v", err, e), secret) {
					t.Errorf("%q shows in the error or the log:\n%v\n%s", secret, err, log)
				}
			}
		})
	}
	t.Run("a server that does not answer", func(t *testing.T) {
		t.Parallel()
		s := (&smtpServer{hang: "MAIL"}).start(t)
		f := one(t, s.conn("127.0.0.1", "plain"))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := f.Send(ctx, f.cfg, "CI1", anEmail()); !errors.Is(err, ErrSend) {
			t.Errorf("Send = %v, want %v", err, ErrSend)
		}
	})
	t.Run("a method that there is not", func(t *testing.T) {
		t.Parallel()
		if _, err := smtpAuth("ntlm", true); !errors.Is(err, ErrCannot) {
			t.Errorf("smtpAuth = %v", err)
		}
	})
}
