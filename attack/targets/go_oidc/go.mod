module orders

go 1.25

require github.com/coreos/go-oidc/v3 v3.15.0
