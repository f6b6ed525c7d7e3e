"""As https://intility.github.io/fastapi-azure-auth/ says for a single tenant, with roles by "Locking down on roles"."""

import os
import ssl

from fastapi import Depends, FastAPI, HTTPException
from fastapi_azure_auth.auth import AzureAuthorizationCodeBearerBase
from fastapi_azure_auth.user import User

# The class for a single tenant fixes the host, which only its base class lets one set.
azure_scheme = AzureAuthorizationCodeBearerBase(
    app_client_id=os.environ["AUDIENCE"],
    tenant_id=os.environ["TENANT_ID"],
    openid_config_url=os.environ["OPENID_CONFIGURATION"],
    http_client_config={"verify": ssl.create_default_context(cafile=os.environ["CA_FILE"])},
)
app = FastAPI()


def require(role: str):
    async def check(user: User = Depends(azure_scheme)) -> None:
        if role not in user.roles:
            raise HTTPException(status_code=403, detail=f"the role {role} is missing")

    return Depends(check)


@app.get("/orders", dependencies=[require("Orders.Read")])
async def list_orders() -> list[str]:
    return []


@app.post("/orders", dependencies=[require("Orders.Write")])
async def create_order() -> list[str]:
    return []
