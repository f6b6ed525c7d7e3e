// As the README of keyfunc says, with the options of golang-jwt's parser for issuer, audience and algorithm.
//
// Run: go mod tidy && SSL_CERT_FILE=$CA_FILE PORT=8080 ISSUER=… AUDIENCE=… JWKS_URI=… go run .
package main

import (
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

type claims struct {
	jwt.RegisteredClaims
	Roles []string `json:"roles"`
}

func main() {
	keys, err := keyfunc.NewDefault([]string{os.Getenv("JWKS_URI")})
	if err != nil {
		log.Fatal(err)
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithIssuer(os.Getenv("ISSUER")),
		jwt.WithAudience(os.Getenv("AUDIENCE")),
		jwt.WithExpirationRequired(),
	)
	guard := func(role string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			var read claims
			if _, err := parser.ParseWithClaims(raw, &read, keys.Keyfunc); err != nil {
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "unauthorized", http.StatusUnauthorized)
				return
			}
			if !slices.Contains(read.Roles, role) {
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
