package secret

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
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

// DataKey seals the secrets of one project. The zero value refuses.
type DataKey struct {
	aead    tink.AEAD
	mark    []byte // the key of fingerprints
	project string
}

// NewDataKey makes a key for the secrets of project, and its wrapped form, which
// may be kept in the database.
func (m *Master) NewDataKey(project string) (wrapped []byte, key *DataKey, err error) {
	k, err := m.current()
	if err != nil {
		return nil, nil, err
	}
	if project == "" {
		return nil, nil, errNoProject
	}
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, nil, fmt.Errorf("make data key: %w", err)
	}
	if wrapped, err = wrap(k.newest, project, h); err != nil {
		return nil, nil, err
	}
	key, err = newDataKey(h, project)
	if err != nil {
		return nil, nil, err
	}
	return wrapped, key, nil
}

// OpenDataKey opens what NewDataKey wrapped for the same project. Where it does
// not open, the file of the master key is read again: it may have been rotated.
func (m *Master) OpenDataKey(project string, wrapped []byte) (*DataKey, error) {
	k, err := m.current()
	if err != nil {
		return nil, err
	}
	h, err := unwrap(k.all, project, wrapped)
	if err != nil {
		if again, ok := m.again(); ok {
			h, err = unwrap(again.all, project, wrapped)
		}
	}
	if err != nil {
		return nil, errUnwrap
	}
	return newDataKey(h, project)
}

// Rewrap wraps a data key again, under the primary key, and returns the id of
// that key. A want that is not 0 is the id that it must be: where it is not, the
// file of the master key is read again, and an older one is ErrStale. A data key that
// the keys of before opened is wrapped under the new ones, though they do not have
// the older key any more.
func (m *Master) Rewrap(project string, wrapped []byte, want uint32) ([]byte, uint32, error) {
	k, err := m.current()
	if err != nil {
		return nil, 0, err
	}
	h, closed := unwrap(k.all, project, wrapped)
	if want != 0 && k.primary != want {
		again, ok := m.again()
		if !ok || again.primary != want {
			return nil, 0, ErrStale
		}
		k = again
	}
	if closed != nil {
		h, closed = unwrap(k.all, project, wrapped)
	}
	if closed != nil {
		return nil, 0, errUnwrap
	}
	out, err := wrap(k.newest, project, h)
	return out, k.primary, err
}

// Newest reports whether the primary key alone opens a data key, so that the
// older keys are not needed for it.
func (m *Master) Newest(project string, wrapped []byte) bool {
	k, err := m.current()
	if err != nil {
		return false
	}
	_, err = unwrap(k.newest, project, wrapped)
	return err == nil
}

func wrap(with tink.AEAD, project string, h *keyset.Handle) ([]byte, error) {
	var out bytes.Buffer
	if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&out), with, wrapContext(project)); err != nil {
		return nil, fmt.Errorf("wrap data key: %w", err)
	}
	return out.Bytes(), nil
}

func unwrap(with tink.AEAD, project string, wrapped []byte) (*keyset.Handle, error) {
	return keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), with, wrapContext(project))
}

func newDataKey(h *keyset.Handle, project string) (*DataKey, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("use data key: %w", err)
	}
	mark, err := markKey(h, project)
	if err != nil {
		return nil, fmt.Errorf("use data key: %w", err)
	}
	return &DataKey{aead: a, mark: mark, project: project}, nil
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
