package secret

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrStale is a master key that is older than the one that data keys must be
// wrapped with now.
var ErrStale = errors.New("the master key was rotated, and this is the older one")

// Master wraps data keys. Its keyset may hold several keys: the primary one
// wraps, all of them unwrap. The zero value refuses.
type Master struct {
	keys atomic.Pointer[masterKeys]
	read func() ([]byte, error) // reads the file again; nil where there is none
}

// masterKeys is one state of the file of the master key.
type masterKeys struct {
	all     tink.AEAD // opens with every key
	newest  tink.AEAD // the primary key alone
	primary uint32    // the id of the primary key
}

// NewMaster makes a master key, and the file to keep it in. The file is the key
// in clear: write it with mode 0600, outside the database and its backups.
func NewMaster() (*Master, []byte, error) {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, nil, fmt.Errorf("make master key: %w", err)
	}
	file, err := masterFile(h)
	if err != nil {
		return nil, nil, err
	}
	m, err := LoadMaster(file)
	return m, file, err
}

// LoadMaster reads the file that NewMaster made.
func LoadMaster(file []byte) (*Master, error) {
	k, err := readMaster(file)
	if err != nil {
		return nil, err
	}
	m := &Master{}
	m.keys.Store(k)
	return m, nil
}

// Follow lets m read its file again where its keys do not do any more. Call it
// before m is used.
func (m *Master) Follow(read func() ([]byte, error)) { m.read = read }

// Primary returns the id of the key that wraps; it is no secret.
func (m *Master) Primary() uint32 {
	k, err := m.current()
	if err != nil {
		return 0
	}
	return k.primary
}

// AddMasterKey returns the file with one more key, which is the primary one from
// now on. The others still open what they wrapped.
func AddMasterKey(file []byte) ([]byte, error) {
	return changeMaster(file, func(m *keyset.Manager, _ *keyset.Handle) error {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return err
		}
		return m.SetPrimary(id)
	})
}

// DropMasterKeys returns the file with the primary key alone, and how many keys
// went.
func DropMasterKeys(file []byte) (next []byte, dropped int, err error) {
	next, err = changeMaster(file, func(m *keyset.Manager, h *keyset.Handle) error {
		info := h.KeysetInfo()
		for _, k := range info.GetKeyInfo() {
			if k.GetKeyId() == info.GetPrimaryKeyId() {
				continue
			}
			if err := m.Delete(k.GetKeyId()); err != nil {
				return err
			}
			dropped++
		}
		return nil
	})
	return next, dropped, err
}

func changeMaster(file []byte, change func(*keyset.Manager, *keyset.Handle) error) ([]byte, error) {
	h, err := readHandle(file)
	if err != nil {
		return nil, err
	}
	manager := keyset.NewManagerFromHandle(h)
	if err := change(manager, h); err != nil {
		return nil, fmt.Errorf("change master key: %w", err)
	}
	if h, err = manager.Handle(); err != nil {
		return nil, fmt.Errorf("change master key: %w", err)
	}
	return masterFile(h)
}

func masterFile(h *keyset.Handle) ([]byte, error) {
	var file bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&file)); err != nil {
		return nil, fmt.Errorf("write master key: %w", err)
	}
	return append(file.Bytes(), '\n'), nil
}

func readHandle(file []byte) (*keyset.Handle, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file)))
	if err != nil {
		return nil, errMaster // the cause may quote the file, which is the key
	}
	return h, nil
}

func readMaster(file []byte) (*masterKeys, error) {
	h, err := readHandle(file)
	if err != nil {
		return nil, err
	}
	all, err := aead.New(h)
	if err != nil {
		return nil, errMaster // as above
	}
	alone, _, err := DropMasterKeys(file)
	if err != nil {
		return nil, errMaster
	}
	if h, err = readHandle(alone); err != nil {
		return nil, err
	}
	newest, err := aead.New(h)
	if err != nil {
		return nil, errMaster
	}
	return &masterKeys{all: all, newest: newest, primary: h.KeysetInfo().GetPrimaryKeyId()}, nil
}

func (m *Master) current() (*masterKeys, error) {
	if m == nil {
		return nil, errNoKey
	}
	if k := m.keys.Load(); k != nil {
		return k, nil
	}
	return nil, errNoKey
}

// again reads the file again, and reports whether that worked.
func (m *Master) again() (*masterKeys, bool) {
	if m.read == nil {
		return nil, false
	}
	file, err := m.read()
	if err != nil {
		return nil, false
	}
	next, err := readMaster(file)
	if err != nil {
		return nil, false
	}
	m.keys.Store(next)
	return next, true
}
