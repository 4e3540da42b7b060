package secret

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	errNoKey     = errors.New("there is no key: the keyring is not loaded")
	errMaster    = errors.New("the master key is not a Tink keyset of authenticated encryption in JSON")
	errUnwrap    = errors.New("the data key does not open with this master key for this project")
	errUnseal    = errors.New("the secret does not open with this data key at this place")
	errUnbound   = errors.New("a sealed secret must be bound to a project and a kind")
	errNoSecret  = errors.New("an empty text is not a secret to seal")
	errNoProject = errors.New("a data key must belong to a project")
)

// Master wraps data keys. Its keyset may hold several keys: the primary one
// wraps, all of them unwrap. The zero value refuses.
type Master struct {
	aead tink.AEAD
}

// NewMaster makes a master key, and the file to keep it in. The file is the key
// in clear: write it with mode 0600, outside the database and its backups.
func NewMaster() (*Master, []byte, error) {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, nil, fmt.Errorf("make master key: %w", err)
	}
	var file bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&file)); err != nil {
		return nil, nil, fmt.Errorf("write master key: %w", err)
	}
	m, err := newMaster(h)
	if err != nil {
		return nil, nil, err
	}
	return m, append(file.Bytes(), '\n'), nil
}

// LoadMaster reads the file that NewMaster made.
func LoadMaster(file []byte) (*Master, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file)))
	if err != nil {
		return nil, errMaster // the cause may quote the file, which is the key
	}
	return newMaster(h)
}

func newMaster(h *keyset.Handle) (*Master, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, errMaster // as above
	}
	return &Master{aead: a}, nil
}

// DataKey seals the secrets of one project. The zero value refuses.
type DataKey struct {
	aead    tink.AEAD
	project string
}

// NewDataKey makes a key for the secrets of project, and its wrapped form, which
// may be kept in the database.
func (m *Master) NewDataKey(project string) (wrapped []byte, key *DataKey, err error) {
	if m == nil || m.aead == nil {
		return nil, nil, errNoKey
	}
	if project == "" {
		return nil, nil, errNoProject
	}
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, nil, fmt.Errorf("make data key: %w", err)
	}
	var out bytes.Buffer
	if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&out), m.aead, wrapContext(project)); err != nil {
		return nil, nil, fmt.Errorf("wrap data key: %w", err)
	}
	key, err = newDataKey(h, project)
	if err != nil {
		return nil, nil, err
	}
	return out.Bytes(), key, nil
}

// OpenDataKey opens what NewDataKey wrapped for the same project.
func (m *Master) OpenDataKey(project string, wrapped []byte) (*DataKey, error) {
	if m == nil || m.aead == nil {
		return nil, errNoKey
	}
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), m.aead, wrapContext(project))
	if err != nil {
		return nil, errUnwrap
	}
	return newDataKey(h, project)
}

func newDataKey(h *keyset.Handle, project string) (*DataKey, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("use data key: %w", err)
	}
	return &DataKey{aead: a, project: project}, nil
}

// A Binding says where a sealed value belongs. Project and Kind are required;
// the other parts are what the kind of secret needs to tell its values apart.
type Binding struct {
	Project string // the project's id
	Kind    string // what the entity is: "connector", "oauthProvider"
	Entity  string // the entity's id
	Field   string // which of its fields
	Version string // what changes when an older value must not come back
}

// Seal encrypts value so that only the same key, for the same binding, opens it.
// Sealing a value twice gives two different results.
func (k *DataKey) Seal(b Binding, value Text) ([]byte, error) {
	if err := k.check(b); err != nil {
		return nil, err
	}
	if value.IsZero() {
		return nil, errNoSecret
	}
	sealed, err := k.aead.Encrypt([]byte(value.Reveal()), b.context())
	if err != nil {
		return nil, fmt.Errorf("seal secret: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for the same binding.
func (k *DataKey) Open(b Binding, sealed []byte) (Text, error) {
	if err := k.check(b); err != nil {
		return Text{}, err
	}
	value, err := k.aead.Decrypt(sealed, b.context())
	if err != nil {
		return Text{}, errUnseal
	}
	return New(string(value)), nil
}

// check refuses a key that was not loaded and a binding outside its project: a
// project's key never touches another's secrets, whoever asks.
func (k *DataKey) check(b Binding) error {
	switch {
	case k == nil || k.aead == nil:
		return errNoKey
	case b.Project == "" || b.Kind == "":
		return errUnbound
	case b.Project != k.project:
		return errUnseal
	}
	return nil
}

func (b Binding) context() []byte {
	return join("postern secret 1", b.Project, b.Kind, b.Entity, b.Field, b.Version)
}

func wrapContext(project string) []byte { return join("postern data key 1", project) }

// join writes each part after its length: no two lists of parts look the same.
func join(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint64(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out
}
