# Which pod this is, its name servers, and where the kubelet says that the cluster's API is.

say fact host "$(uname -n)"
say fact resolvers "$(sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf 2>/dev/null | tr '\n' ' ')"
api=${KUBERNETES_SERVICE_HOST:-}
case $api in *:*) api="[$api]" ;; esac
say fact api "${api:+$api:${KUBERNETES_SERVICE_PORT_HTTPS:-${KUBERNETES_SERVICE_PORT:-443}}}"
