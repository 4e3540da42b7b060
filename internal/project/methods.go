package project

import (
	"strings"
	"time"

	"postern/internal/fault"
)

// ErrMethodOff is a method that the project does not have enabled.
var ErrMethodOff = fault.New(fault.Forbidden, "P40309", "the project does not let people sign in by this method")

// Methods are the authentication methods of a project.
type Methods struct {
	MagicLink         LinkMethod
	EnchantedLink     LinkMethod
	EmbeddedLink      EmbeddedLink
	OTP               OTPMethod
	NOTP              NOTPMethod
	TOTP              TOTPMethod
	Passkey           PasskeyMethod
	Password          PasswordMethod
	SecurityQuestions QuestionsMethod
}

// Messages says how one kind of message leaves.
type Messages struct {
	Connector string     // the id of the connector; empty for the built-in one
	Templates []Template // all of them
	Active    *Template  // the one in use; nil for the built-in text
}

// A Template is the text of a message, with macros such as {{.code}}.
type Template struct {
	ID      string // may be empty
	Name    string
	Subject string // of a mail
	HTML    string // of a mail
	Text    string
	Plain   bool // a mail of Text alone
}

// Template returns the template that has an id, and of none the active one; nil for
// the built-in text. It reports whether there is one with the id: those of other
// methods and ways are none of these.
func (m Messages) Template(id string) (*Template, bool) {
	if id == "" {
		return m.Active, true
	}
	for i := range m.Templates {
		if m.Templates[i].ID == id {
			return &m.Templates[i], true
		}
	}
	return nil, false
}

func (m *Messages) add(t Template, active bool) {
	m.Templates = append(m.Templates, t)
	if active && m.Active == nil && !strings.EqualFold(t.ID, "System") {
		m.Active = &t
	}
}

// A Rate bounds the messages that one user may ask for.
type Rate struct {
	Messages int // 0 for no bound of its own
	Within   time.Duration
}

// LinkMethod is a magic or enchanted link.
type LinkMethod struct {
	Enabled     bool
	Lifetime    time.Duration
	RedirectURL string // where links lead when the request names no place
	MaskErrors  bool   // whether nobody may learn who is a user
	Rate        Rate
	Email       Messages
	Text        Messages
}

// EmbeddedLink is a token that the customer's own system delivers.
type EmbeddedLink struct {
	Enabled  bool
	Lifetime time.Duration
}

// OTPMethod is a one-time code in a message or a call.
type OTPMethod struct {
	Enabled  bool
	Lifetime time.Duration
	Domain   string // that a text message binds its code to
	// MaskErrors is whether nobody may learn who is a user.
	MaskErrors bool
	Rate       Rate
	Email      Messages
	Text       Messages
	Voice      Messages
}

// NOTPMethod is a message that the user sends over WhatsApp.
type NOTPMethod struct {
	Enabled    bool
	Lifetime   time.Duration
	MaskErrors bool // whether nobody may learn who is a user
	// What is said to the user: to ask whether it is them, that it worked, that it did
	// not. All three go by one connector, which receives, too.
	Verify, Success, Error Messages
}

// TOTPMethod is authenticator apps (RFC 6238).
type TOTPMethod struct {
	Enabled     bool
	IssuerLabel string // a template of the issuer that the app shows; empty for the project's name
	MaskErrors  bool   // whether nobody may learn from a sign-up who is a user
}

// PasskeyMethod is WebAuthn.
type PasskeyMethod struct {
	Enabled             bool
	Name                string // of the relying party; empty for the project's name
	RelyingPartyID      string // a domain; empty for the host of the origin
	AndroidFingerprints []string
	MaskErrors          bool // whether nobody may learn from a sign-up who is a user
}

// PasswordMethod is passwords and their policy.
type PasswordMethod struct {
	Enabled              bool
	MinLength            int // characters
	Lowercase, Uppercase bool
	AnyLetter            bool
	Number               bool
	NonAlphanumeric      bool
	DisallowedCharacters string
	DisallowEmailMatch   bool
	MinStrength          int           // zxcvbn score 0 to 4; 0 demands none
	ExpireAfter          time.Duration // 0 for never
	Reuse                int           // how many former passwords may not come back
	LockAttempts         int           // 0 for no lock
	TempLockAttempts     int           // 0 for no temporary lock
	TempLockFor          time.Duration
	MaskErrors           bool
	Email                Messages
}

// QuestionsMethod is security questions.
type QuestionsMethod struct {
	Enabled          bool
	Questions        []Question
	Setup, Verify    int // how many are asked
	LockAttempts     int // 0 for no lock
	TempLockAttempts int // 0 for no temporary lock
	TempLockFor      time.Duration
}

// A Question is one security question.
type Question struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// methodFile is a file of a method, read loosely: all of them share their keys.
type methodFile struct {
	Enabled     bool    `json:"enabled"`
	Time        float64 `json:"expirationTime"`
	TimeUnit    string  `json:"expirationTimeUnit"`
	RedirectURL string  `json:"redirectUrl"`
	Domain      string  `json:"domain"`
	Retries     int     `json:"rateLimitRetries"`
	Timeframe   int     `json:"rateLimitTimeframe"` // seconds

	EmailProvider string              `json:"emailServiceProvider"`
	Emails        []emailTemplateFile `json:"emailTemplates"`
	TextProvider  string              `json:"textServiceProvider"`
	Texts         []textTemplateFile  `json:"textTemplates"`
	VoiceProvider string              `json:"voiceServiceProvider"`
	Voices        []textTemplateFile  `json:"voiceTemplates"`

	ChatProvider string             `json:"whatsappChatbotProvider"`
	VerifyID     string             `json:"whatsappVerifyTemplateId"`
	Verifies     []textTemplateFile `json:"whatsappVerifyNOTPTemplates"`
	SuccessID    string             `json:"whatsappSuccessTemplateId"`
	Successes    []textTemplateFile `json:"whatsappSuccessNOTPTemplates"`
	ErrorID      string             `json:"whatsappErrorTemplateId"`
	Errors       []textTemplateFile `json:"whatsappErrorNOTPTemplates"`

	IssuerLabel  string   `json:"issuerLabelTemplate"`
	Name         string   `json:"name"`
	RPID         string   `json:"relyingPartyId"`
	Fingerprints []string `json:"androidFingerprints"`

	MinLength            int    `json:"minLength"`
	Lowercase            bool   `json:"lowercase"`
	Uppercase            bool   `json:"uppercase"`
	AnyLetter            bool   `json:"anyLetter"`
	Number               bool   `json:"number"`
	NonAlphanumeric      bool   `json:"nonAlphanumeric"`
	DisallowedCharacters string `json:"disallowedCharacters"`
	DisallowEmailMatch   bool   `json:"disallowEmailMatch"`
	Strength             bool   `json:"enablePasswordStrength"`
	Score                int    `json:"passwordStrengthScore"`
	Expiration           bool   `json:"expiration"`
	ExpirationWeeks      int    `json:"expirationWeeks"`
	Reuse                bool   `json:"reuse"`
	ReuseAmount          int    `json:"reuseAmount"`
	Lock                 bool   `json:"lock"`
	LockAttempts         int    `json:"lockAttempts"`
	TempLock             bool   `json:"tempLock"`
	TempLockAttempts     int    `json:"tempLockAttempts"`
	TempLockDuration     int    `json:"tempLockDuration"` // minutes
	MaskError            bool   `json:"maskError"`

	Setup     int        `json:"setupQuestionsCount"`
	Verify    int        `json:"verifyQuestionsCount"`
	Questions []Question `json:"securityQuestions"`
}

type emailTemplateFile struct {
	ID      string `json:"id"`
	Active  bool   `json:"active"`
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
	Text    string `json:"bodyPlainText"`
	Plain   bool   `json:"useBodyPlainText"`
}

type textTemplateFile struct {
	ID     string `json:"id"`
	Active bool   `json:"active"`
	Name   string `json:"name"`
	Body   string `json:"body"`
}

func (m *methodFile) lifetime() time.Duration { return duration(m.Time, m.TimeUnit) }

func (m *methodFile) rate() Rate {
	return Rate{m.Retries, time.Duration(m.Timeframe) * time.Second}
}

func (m *methodFile) email() Messages {
	out := Messages{Connector: connectorID(m.EmailProvider)}
	for _, t := range m.Emails {
		out.add(Template{t.ID, t.Name, t.Subject, t.Body, t.Text, t.Plain}, t.Active)
	}
	return out
}

func texts(provider string, list []textTemplateFile) Messages {
	out := Messages{Connector: connectorID(provider)}
	for _, t := range list {
		out.add(Template{ID: t.ID, Name: t.Name, Text: t.Body, Plain: true}, t.Active)
	}
	return out
}

func (m *methodFile) notp() NOTPMethod {
	said := func(list []textTemplateFile, active string) Messages {
		for i := range list {
			list[i].Active = list[i].ID == active
		}
		return texts(m.ChatProvider, list)
	}
	return NOTPMethod{m.Enabled, m.lifetime(), m.MaskError, said(m.Verifies, m.VerifyID), said(m.Successes, m.SuccessID), said(m.Errors, m.ErrorID)}
}

func (m *methodFile) link() LinkMethod {
	return LinkMethod{m.Enabled, m.lifetime(), m.RedirectURL, m.MaskError, m.rate(), m.email(), texts(m.TextProvider, m.Texts)}
}

func (m *methodFile) password() PasswordMethod {
	out := PasswordMethod{
		Enabled: m.Enabled, MinLength: m.MinLength, Lowercase: m.Lowercase, Uppercase: m.Uppercase, AnyLetter: m.AnyLetter,
		Number: m.Number, NonAlphanumeric: m.NonAlphanumeric, DisallowedCharacters: m.DisallowedCharacters,
		DisallowEmailMatch: m.DisallowEmailMatch, MaskErrors: m.MaskError, Email: m.email(),
	}
	if m.Strength {
		out.MinStrength = m.Score
	}
	if m.Expiration {
		out.ExpireAfter = time.Duration(m.ExpirationWeeks) * 7 * 24 * time.Hour
	}
	if m.Reuse {
		out.Reuse = m.ReuseAmount
	}
	out.LockAttempts, out.TempLockAttempts, out.TempLockFor = m.locks()
	return out
}

func (m *methodFile) locks() (attempts, temporary int, span time.Duration) {
	if m.Lock {
		attempts = m.LockAttempts
	}
	if m.TempLock {
		temporary, span = m.TempLockAttempts, time.Duration(m.TempLockDuration)*time.Minute
	}
	return attempts, temporary, span
}

func (m *methodFile) questions() QuestionsMethod {
	out := QuestionsMethod{Enabled: m.Enabled, Questions: m.Questions, Setup: m.Setup, Verify: m.Verify}
	out.LockAttempts, out.TempLockAttempts, out.TempLockFor = m.locks()
	return out
}

// connectorID is the id in a reference to a connector, which may have the type
// before it; the built-in provider is the empty one.
func connectorID(reference string) string {
	if i := strings.LastIndexByte(reference, ':'); i >= 0 {
		reference = reference[i+1:]
	}
	if strings.EqualFold(reference, "Descope") {
		return ""
	}
	return reference
}
