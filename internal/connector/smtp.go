package connector

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"postern/internal/ident"
	"postern/internal/message"
	"postern/internal/safehttp"
)

type smtpConfig struct {
	FromEmail  string `json:"fromEmail"`
	FromName   string `json:"fromName"`
	Host       string `json:"host"`
	Port       int    `json:"port"`
	Username   string `json:"username"`
	AuthMethod string `json:"authMethod"`
}

const (
	smtpPort    = 25
	smtpTLSPort = 465 // encrypted from its first byte: RFC 8314
)

// sendSMTP sends a mail by a mail server. The connection is encrypted, by its port
// or by STARTTLS, before a credential goes over it; a server that the operator
// allows may do without.
func sendSMTP(ctx context.Context, c *call) error {
	var in smtpConfig
	if err := c.configure(&in); err != nil {
		return err
	}
	in.Port = cmp.Or(in.Port, smtpPort)
	password, err := c.secret(ctx, "password")
	if err != nil {
		return err
	}
	msg, err := letter(in.FromName, cmp.Or(c.m.From, in.FromEmail), c.m)
	if err != nil {
		return err
	}
	dialer := c.s.HTTP.Dialer()
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(in.Host, strconv.Itoa(in.Port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client, err := smtpClient(c.s.HTTP, in, password, conn, dialer.Clear(in.Host, conn))
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// smtpClient returns a client that speaks over a connection which is there.
func smtpClient(h *safehttp.Client, in smtpConfig, password string, conn net.Conn, clear bool) (*gomail.Client, error) {
	encrypted := h.TLS(in.Host)
	policy := gomail.TLSMandatory
	if clear {
		policy = gomail.TLSOpportunistic
	}
	auth, err := smtpAuth(in.AuthMethod, clear)
	if err != nil {
		return nil, err
	}
	options := []gomail.Option{
		gomail.WithPort(in.Port), gomail.WithTimeout(sendTimeout), gomail.WithTLSConfig(encrypted), gomail.WithTLSPolicy(policy),
		gomail.WithSMTPAuth(auth), gomail.WithUsername(in.Username), gomail.WithPassword(password), gomail.WithoutNoop(),
	}
	if in.Port == smtpTLSPort {
		options = append(options, gomail.WithSSL())
	}
	options = append(options, gomail.WithDialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
		if in.Port != smtpTLSPort {
			return conn, nil
		}
		over := tls.Client(conn, encrypted)
		return over, over.HandshakeContext(ctx)
	}))
	return gomail.NewClient(in.Host, options...)
}

// smtpAuth returns how the server is told the password. In clear it is told only
// where the operator allows that.
func smtpAuth(method string, clear bool) (gomail.SMTPAuthType, error) {
	switch strings.ToLower(method) {
	case "", "plain":
		if clear {
			return gomail.SMTPAuthPlainNoEnc, nil
		}
		return gomail.SMTPAuthPlain, nil
	case "login":
		if clear {
			return gomail.SMTPAuthLoginNoEnc, nil
		}
		return gomail.SMTPAuthLogin, nil
	case "cram-md5":
		return gomail.SMTPAuthCramMD5, nil
	case "xoauth2":
		return gomail.SMTPAuthXOAUTH2, nil
	}
	return "", ErrCannot.WithMessage("the authentication method of the connector is not one that is known: plain, login, cram-md5 or xoauth2")
}

// letter writes a mail as it goes over the wire (RFC 5322, MIME).
func letter(name, from string, m message.Message) (*gomail.Msg, error) {
	if err := message.CheckEmail(from); err != nil {
		return nil, fmt.Errorf("the sender of the connector: %w", err)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&mail.Address{Name: oneLine(name), Address: from})
	msg.ToMailAddress(&mail.Address{Address: m.To})
	msg.Subject(m.Subject)
	msg.SetDateWithValue(time.Now())
	_, domain, _ := strings.Cut(from, "@")
	msg.SetMessageIDWithValue(ident.New("MO") + "@" + domain)
	switch {
	case m.HTML == "":
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	case m.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
