// As Microsoft's page on JwtBearer says, with app roles by policies.
//
// Run: export Authentication__Schemes__Bearer__Authority=$ISSUER Authentication__Schemes__Bearer__ValidAudience=$AUDIENCE
//      Authentication__Schemes__Bearer__MapInboundClaims=false
//      SSL_CERT_FILE=$CA_FILE dotnet run --urls http://127.0.0.1:$PORT
var builder = WebApplication.CreateBuilder(args);
builder.Services.AddAuthentication().AddJwtBearer();
builder.Services.AddAuthorizationBuilder()
    .AddPolicy("Read", policy => policy.RequireClaim("roles", "Orders.Read"))
    .AddPolicy("Write", policy => policy.RequireClaim("roles", "Orders.Write"));
var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapGet("/orders", () => Array.Empty<string>()).RequireAuthorization("Read");
app.MapPost("/orders", () => Array.Empty<string>()).RequireAuthorization("Write");
app.Run();
