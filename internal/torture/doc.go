// Package torture kills the server while it imports, and looks at what is left.
// It has no part in the product: all of it is in tests.
package torture
