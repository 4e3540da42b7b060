package secret

import (
	"errors"
	"fmt"
)

var (
	errTicket  = errors.New("the ticket does not open: it was changed, is for something else, or is of an older master key")
	errPurpose = errors.New("a ticket needs a purpose and a holder")
)

// SealTicket encrypts what somebody keeps for us and brings back, such as a
// session. It opens only for the same purpose and the same holder, on every
// process that has the master key. Sealing twice gives two different results.
func (m *Master) SealTicket(purpose, holder string, content []byte) ([]byte, error) {
	k, err := m.current()
	if err != nil {
		return nil, err
	}
	if purpose == "" || holder == "" {
		return nil, errPurpose
	}
	sealed, err := k.newest.Encrypt(content, join("postern ticket 1", purpose, holder))
	if err != nil {
		return nil, fmt.Errorf("seal ticket: %w", err)
	}
	return sealed, nil
}

// OpenTicket decrypts what SealTicket made. The file of the master key is not
// read again for it, because anybody may send anything: a ticket of a key that
// this process has not read yet does not open.
func (m *Master) OpenTicket(purpose, holder string, sealed []byte) ([]byte, error) {
	k, err := m.current()
	if err != nil {
		return nil, err
	}
	if purpose == "" || holder == "" {
		return nil, errPurpose
	}
	content, err := k.all.Decrypt(sealed, join("postern ticket 1", purpose, holder))
	if err != nil {
		return nil, errTicket
	}
	return content, nil
}
