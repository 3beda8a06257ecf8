# Addresses of this pod, by which another one may reach it.

say fact addresses "$(hostname -I 2>/dev/null || hostname -i 2>/dev/null)"
