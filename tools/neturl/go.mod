module firewalled-coder/tools/neturl

go 1.26
