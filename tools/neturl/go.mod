module firewalled-coder/tools/neturl

// Of Boundary's go.mod, not of the Go at hand: it sets how net/url reads several colons in a host.
go 1.25
