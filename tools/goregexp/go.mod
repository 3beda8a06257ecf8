module firewalled-coder/tools/goregexp

go 1.26
