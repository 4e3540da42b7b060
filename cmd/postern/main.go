// Command postern keeps identity projects as files and moves them between
// environments: a server, and the command line that talks to it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"postern/internal/cli"
)

func main() { os.Exit(run()) }

// run lets the first signal stop the program in order, and the second at once.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	return cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
