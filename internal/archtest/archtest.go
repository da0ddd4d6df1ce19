// Package archtest states, as tests, which package may reach which and how large a file, function or interface may be.
//
// It holds no code for others to use. The rules are those of the project's design: they are written once, here, and are checked by
// reading the sources (go/parser), so that the test cache sees every change. A broken rule names the chain of imports.
package archtest
