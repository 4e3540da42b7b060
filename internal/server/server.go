// Package server builds the whole of Postern from its settings, listens, serves
// and stops. It owns what every request passes through (its id, the access log,
// the rescue from panics, metrics) and the few pages beside the API.
//
// What the API answers is the business of package api. Where settings come from
// is that of package cli.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"postern/internal/accesskey"
	"postern/internal/api"
	"postern/internal/audit"
	"postern/internal/challenge"
	"postern/internal/connector"
	"postern/internal/exchange"
	"postern/internal/key"
	"postern/internal/limit"
	"postern/internal/mgmtkey"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/user"
	"postern/internal/web"
)

// Server is Postern, built and not yet stopped.
type Server struct {
	// Services that the API is an edge of, for commands that work on the same process.
	Projects *project.Service
	Keys     *mgmtkey.Service
	Attempts *limit.Service
	Sessions *session.Service
	Messages *connector.Service
	// KeyMade says that New made the master key.
	KeyMade bool

	config   Config
	log      *slog.Logger
	db       *store.DB
	api      http.Handler
	console  http.Handler
	metrics  *metrics
	listener net.Listener
	stopping atomic.Bool
	warned   atomic.Bool // of a proxy that the settings do not name

	acts       *store.Cap // of people, in the audit
	passwords  *password.Service
	exchange   *exchange.Service
	challenges *challenge.Service
	factors

	certificates []tls.Certificate // none: plain HTTP
}

// New opens what the server works with, and builds it. Close it, or let Run do
// so.
func New(ctx context.Context, config Config, log *slog.Logger) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	certificates, err := config.certificates()
	if err != nil {
		return nil, err
	}
	outbound, err := config.client()
	if err != nil {
		return nil, err
	}
	master, made, err := config.master()
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, config.Database, store.Options{MaxConns: config.DatabaseConns})
	if err != nil {
		return nil, errors.Join(err, made.undo())
	}
	s := &Server{
		Projects: &project.Service{DB: db, Master: master, Log: log},
		Keys:     &mgmtkey.Service{DB: db},
		Attempts: &limit.Service{DB: db},
		KeyMade:  made != "",
		config:   config, log: log, db: db, certificates: certificates,
	}
	s.Sessions = &session.Service{
		DB: db, Projects: s.Projects, Keys: &key.Service{DB: db, Projects: s.Projects}, PublicURL: config.PublicURL, Limits: s.Attempts, SignUps: config.signUps(),
	}
	s.Messages = &connector.Service{
		DB: db, Projects: s.Projects, HTTP: outbound, Log: log, Bases: config.ProviderURL,
		People: []audit.Source{session.Logins()}, LoginIDs: (&user.Service{DB: db}).LoginIDs,
	}
	s.Projects.Made = append(s.Projects.Made, s.Sessions.Keys.Made)
	s.Projects.Obeyed = append(s.Projects.Obeyed, s.Messages.Obeyed)
	s.Projects.Effects = append(s.Projects.Effects,
		s.Messages.Effects(), s.Sessions.Effects(), (&user.Service{DB: db}).Effects(), (&tenant.Service{DB: db}).Effects(), (&accesskey.Service{DB: db}).Effects())
	s.factors = s.newFactors()
	s.challenges = s.newChallenges()
	s.passwords = s.newPasswords(outbound)
	s.exchange = &exchange.Service{DB: db, Projects: s.Projects, Sessions: s.Sessions, HTTP: outbound, Log: log, Bases: config.ProviderURL}
	s.Projects.Effects = append(s.Projects.Effects, s.passwords.Effects())
	s.Projects.MayApprove = func(ctx context.Context, key, project string) (bool, error) {
		return s.Keys.May(ctx, key, project, mgmtkey.Import)
	}
	if err := s.checkNewKey(ctx); err != nil {
		return nil, errors.Join(err, db.Close(), made.undo())
	}
	if s.metrics, err = newMetrics(s.collected(), s.passwords.Hasher.Queue, &s.Messages.Streamed); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.api = s.newAPI()
	console, err := web.New(web.Config{
		Projects: s.Projects, Keys: s.Keys, Messages: s.Messages, Log: log, Need: api.Need, MaxBody: int64(config.MaxBody), MaxFiles: config.MaxFiles, Version: Version(),
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.console = console.Handler()
	return s, nil
}

func (s *Server) newAPI() http.Handler {
	edge := &api.Server{
		Projects:  s.Projects,
		Keys:      s.Keys,
		Sessions:  s.Sessions,
		Messages:  s.Messages,
		TOTP:      s.totp,
		Passkeys:  s.passkeys,
		Questions: s.questions,
		Recovery:  s.recovery,
		Passwords: s.passwords,
		Exchange:  s.exchange,
		Log:       s.log,
		Limits:    api.Limits{MaxBody: int64(s.config.MaxBody), MaxFiles: s.config.MaxFiles},
	}
	s.manage(edge)
	s.byMessage(edge)
	return edge.Handler()
}

// checkNewKey refuses a new master key for a database whose secrets are sealed
// under an older one, which is lost or was not named.
func (s *Server) checkNewKey(ctx context.Context) error {
	if !s.KeyMade {
		return nil
	}
	projects, err := s.Projects.List(ctx)
	if err == nil && len(projects) > 0 {
		return ErrOtherKey
	}
	return err
}

// Run listens, serves until ctx ends, and closes the server.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return s.Serve(ctx)
}

// Listen takes the address, so that URL is known and connections wait.
func (s *Server) Listen(ctx context.Context) error {
	var listening net.ListenConfig
	l, err := listening.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.config.Listen, err)
	}
	s.listener = l
	return nil
}

// URL returns the address to call the server at from this machine, after Listen.
func (s *Server) URL() string {
	scheme := "http"
	if s.config.TLSCert != "" {
		scheme = "https"
	}
	named, _, err := net.SplitHostPort(s.config.Listen)
	_, port, err2 := net.SplitHostPort(s.listener.Addr().String())
	if err != nil || err2 != nil {
		return scheme + "://" + s.listener.Addr().String()
	}
	if ip := net.ParseIP(named); named == "" || ip != nil && ip.IsUnspecified() {
		named = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(named, port)
}

// Serve answers until ctx ends, then finishes the requests that run, for as long
// as ShutdownTimeout at most, and closes the server.
func (s *Server) Serve(ctx context.Context) error {
	h := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.config.ReadHeaderTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.WriteTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, Certificates: s.certificates},
	}
	served := make(chan error, 1)
	go func() {
		if len(s.certificates) > 0 {
			served <- h.ServeTLS(s.listener, "", "")
			return
		}
		served <- h.Serve(s.listener)
	}()
	stop := s.background(ctx)
	s.log.InfoContext(ctx, "serving", "url", s.URL(), "database", s.db.Kind())
	select {
	case err := <-served:
		stop()
		return errors.Join(fmt.Errorf("serve: %w", err), s.Close())
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.log.InfoContext(ctx, "stopping")
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.ShutdownTimeout)
	defer cancel()
	err := h.Shutdown(wait)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("requests still ran after %s and were cut off", s.config.ShutdownTimeout), h.Close())
	}
	stop()
	return errors.Join(err, s.Close())
}

// Close gives back what New opened. Serve calls it.
func (s *Server) Close() error {
	if s.listener != nil {
		_ = s.listener.Close() // closed already, where it was served
	}
	s.challenges.Wait()
	return s.db.Close()
}
