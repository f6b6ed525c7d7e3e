// As Microsoft's page on protected web APIs says, with app roles by policies.
//
// Run: export AzureAd__Instance=$INSTANCE/ AzureAd__TenantId=$TENANT_ID AzureAd__ClientId=$AUDIENCE
//      AzureAd__AllowWebApiToBeAuthorizedByACL=true SSL_CERT_FILE=$CA_FILE dotnet run --urls http://127.0.0.1:$PORT
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Identity.Web;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
    .AddMicrosoftIdentityWebApi(builder.Configuration.GetSection("AzureAd"));
builder.Services.AddAuthorizationBuilder()
    .AddPolicy("Read", policy => policy.RequireRole("Orders.Read"))
    .AddPolicy("Write", policy => policy.RequireRole("Orders.Write"));
var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapGet("/orders", () => Array.Empty<string>()).RequireAuthorization("Read");
app.MapPost("/orders", () => Array.Empty<string>()).RequireAuthorization("Write");
app.Run();
