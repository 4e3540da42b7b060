# What terraform_test.go applies, changes, and takes away again.

terraform {
  required_providers {
    descope = { source = "descope/descope" }
  }
}

provider "descope" {}

variable "session_lifetime" { type = string }
variable "relay_password" {
  type      = string
  sensitive = true
}
variable "risk_service" { type = string }
variable "clerk_may" { type = set(string) }
variable "with_auditor" { type = bool }

resource "descope_management_key" "pipeline" {
  name        = "Pipeline"
  description = "Imports what was merged"
  rebac       = { company_roles = ["company-full-access"] }
}

resource "descope_access_key" "nightly" {
  project_id    = descope_project.quill.id
  name          = "Nightly"
  description   = "Counts the stock"
  roles         = ["Clerk"]
  custom_claims = jsonencode({ shift = "night" })
  permitted_ips = ["10.0.0.0/8"]
}

resource "descope_project" "quill" {
  name        = "Quill"
  environment = "production"
  tags        = ["books", "eu"]

  project_settings = {
    app_url                       = "https://quill.example"
    approved_domains              = ["quill.example", "till.quill.example"]
    session_token_expiration      = var.session_lifetime
    refresh_token_expiration      = "4 weeks"
    refresh_token_rotation        = true
    step_up_token_expiration      = "10 minutes"
    enable_inactivity             = true
    inactivity_time               = "2 hours"
    session_token_response_method = "cookies"
    session_token_cookie_policy   = "lax"
    user_jwt_template             = "Reader"
    test_users_loginid_regexp     = "^test-[a-z]+@quill.example$"
    test_users_verifier_regexp    = "^test-[a-z]+@quill.example$"
    test_users_static_otp         = "204816"
  }

  invite_settings = {
    require_invitation  = true
    invite_url          = "https://quill.example/welcome"
    add_magiclink_token = true
    send_email          = true
    email_service = {
      connector = "Relay"
      templates = [{ name = "Welcome", subject = "You are invited", html_body = "<a href=\"{{link}}\">Come in</a>", active = true }]
    }
  }

  authorization = {
    permissions = [
      { name = "stock:read", description = "See what there is" },
      { name = "stock:write", description = "Count it" },
    ]
    roles = concat([
      { name = "Clerk", key = "clerk", description = "At the till", permissions = var.clerk_may },
      { name = "Reader", key = "reader", default = true, permissions = ["stock:read"] },
    ], var.with_auditor ? [{ name = "Auditor", key = "auditor", permissions = ["stock:read"] }] : [])
  }

  attributes = {
    user = [
      { name = "points", type = "number" },
      { name = "size", type = "singleselect", select_options = ["s", "m", "l"] },
    ]
    tenant     = [{ name = "region", type = "string" }]
    access_key = [{ name = "purpose", type = "string" }]
  }

  connectors = {
    smtp = [{
      name           = "Relay"
      server         = { host = "mail.quill.example", port = 587 }
      sender         = { email = "hello@quill.example", name = "Quill" }
      authentication = { username = "quill", password = var.relay_password }
    }]
    http = [{
      name           = var.risk_service
      base_url       = "https://risk.quill.example"
      authentication = { bearer_token = "planted-risk-token" }
      headers        = { "x-shop" = "quill" }
      hmac_secret    = "planted-risk-hmac"
    }]
    twilio_core = [{
      name           = "Texts"
      account_sid    = "AC0"
      senders        = { sms = { phone_number = "+12025550100" } }
      authentication = { auth_token = "planted-texts-token" }
    }]
  }

  jwt_templates = {
    user_templates       = [{ name = "Reader", description = "What a reader has", template = jsonencode({ points = "{{user.customAttributes.points}}" }) }]
    access_key_templates = [{ name = "Machine", template = jsonencode({ machine = true }) }]
  }

  authentication = {
    otp = {
      expiration_time = "5 minutes"
      email_service = {
        connector = "Relay"
        templates = [{ name = "Code", subject = "Your code", html_body = "<p>{{code}}</p>", active = true }]
      }
      text_service = {
        connector = "Texts"
        templates = [{ name = "Code", body = "Code: {{code}}", active = true }]
      }
    }
    magic_link     = { expiration_time = "3 minutes", redirect_url = "https://quill.example/in", email_service = { connector = "Relay" } }
    enchanted_link = { disabled = true }
    embedded_link  = { expiration_time = "1 minute" }
    password       = { min_length = 12, lowercase = true, lock = true, lock_attempts = 5, mask_errors = true }
    totp           = { service_label = "Quill" }
    passkeys       = { top_level_domain = "quill.example" }
    sso            = { merge_users = true, redirect_url = "https://quill.example/sso" }
    oauth = {
      custom = {
        guild = {
          description            = "Guild of booksellers"
          client_id              = "quill"
          client_secret          = "planted-guild-secret"
          authorization_endpoint = "https://id.guild.example/authorize"
          token_endpoint         = "https://id.guild.example/token"
          user_info_endpoint     = "https://id.guild.example/me"
          scopes                 = ["openid"]
          allowed_grant_types    = ["authorization_code"]
          claim_mapping          = { loginId = "sub" }
        }
      }
    }
  }

  applications = {
    oidc_applications = [{ name = "Till", login_page_url = "https://quill.example/login", claims = ["email"] }]
    saml_applications = [{
      name                 = "Wiki"
      login_page_url       = "https://quill.example/login"
      manual_configuration = { acs_url = "https://wiki.quill.example/acs", entity_id = "wiki" }
    }]
  }

  lists = [
    { name = "Blocked", description = "Addresses that were abused", type = "ips", data = jsonencode(["192.0.2.0/24"]) },
    { name = "Words", type = "texts", data = jsonencode(["one", "two"]) },
  ]
}

output "project" { value = descope_project.quill.id }
