package conformance

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
)

// takeMails is a mail server that takes everything, as far as RFC 5321 and RFC 4954 are needed for it.
func (o *postOffice) takeMails() {
	for {
		c, err := o.mail.Accept()
		if err != nil {
			return
		}
		go o.serve(c)
	}
}

// serve speaks with one client until it goes.
func (o *postOffice) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	text := textproto.NewConn(c)
	say := func(format string, args ...any) { _ = text.PrintfLine(format, args...) }
	say("220 post ESMTP")
	var from string
	var to []string
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		switch verb, rest, _ := strings.Cut(line, " "); strings.ToUpper(verb) {
		case "EHLO":
			say("250-post")
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
		case "MAIL":
			from, _, _ = strings.Cut(between(rest), "@")
			say("250 ok")
		case "RCPT":
			to = append(to, strings.ToLower(between(rest)))
			say("250 ok")
		case "DATA":
			say("354 go on")
			body, err := text.ReadDotBytes()
			if err != nil {
				return
			}
			for _, address := range to {
				o.put(pigeonhole{from, "email", address}, readable(body))
			}
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

// between returns the address in a command: what stands between its angles.
func between(text string) string {
	_, after, _ := strings.Cut(text, "<")
	address, _, _ := strings.Cut(after, ">")
	return address
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
