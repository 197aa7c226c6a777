// Package ports says what the application needs from the outside: interfaces only, in
// the words of package domain. This is the hexagon's outgoing side; the incoming side,
// what callers may ask of the program, is package app. The HTTP handlers are an
// adapter like any other.
//
// Whoever puts another identity provider behind the service implements
// [IdentityProvider] in a package of internal/adapters and holds it to the conformance
// suite in porttest. Package portmock is for tests in which a certain call must fail.
package ports

//go:generate go tool mockgen -source=identity_provider.go -destination=portmock/identity_provider.go -package=portmock
