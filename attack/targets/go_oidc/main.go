// As the package documentation of go-oidc says: "provider.Verifier", for an access token in JWT form.
//
// Run: go mod tidy && SSL_CERT_FILE=$CA_FILE PORT=8080 ISSUER=… AUDIENCE=… go run .
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: os.Getenv("AUDIENCE")})
	guard := func(role string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			raw, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !found {
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "unauthorized", http.StatusUnauthorized)
				return
			}
			token, err := verifier.Verify(r.Context(), raw)
			if err != nil {
				w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
				http.Error(w, "unauthorized", http.StatusUnauthorized)
				return
			}
			var claims struct {
				Roles []string `json:"roles"`
			}
			if err := token.Claims(&claims); err != nil || !slices.Contains(claims.Roles, role) {
				http.Error(w, "forbidden", http.StatusForbidden)
				return
			}
			w.Write([]byte("[]"))
		}
	}
	http.HandleFunc("GET /orders", guard("Orders.Read"))
	http.HandleFunc("POST /orders", guard("Orders.Write"))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
