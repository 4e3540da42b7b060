// Package torture kills the server, breaks what is below it, and looks at what is
// left. It has no part in the product: all of it is in tests.
package torture
