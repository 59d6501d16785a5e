// Goal: the program of the package's page does what the page says.
import { GuardedHttpClient } from "@tidemark/http"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { expect, it } from "vitest"

const asked = Effect.flatMap(HttpClient.HttpClient, (http) => http.get("http://169.254.169.254/latest/meta-data/"))

const program = Effect.provide(asked, GuardedHttpClient.layer({ configured: ["https://hooks.example"] }))

it("the program of the page fails before anything is sent", async () => {
  const error = await Effect.runPromise(Effect.flip(program))
  expect(error.reason).toMatchObject({ _tag: "TransportError", cause: { code: "ENOTPUBLIC" } })
})
