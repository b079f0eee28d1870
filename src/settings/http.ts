import { isIP } from "node:net"
import { z } from "zod"
import { entry, wholeNumber } from "./entry.ts"

/** Health and metrics of a running service. */
export const httpSettings = {
  HTTP_PORT: entry({
    schema: wholeNumber(0, 65_535),
    unit: "port",
    about:
      "Where `run` answers /livez, /readyz and /metrics; 0 takes a free one and logs it. Unset: nowhere.",
  }),
  HTTP_HOST: entry({
    schema: z
      .string()
      .refine(
        text => text === "localhost" || isIP(text) !== 0,
        "an IP address of this machine, or localhost",
      ),
    fallback: "127.0.0.1",
    unit: "address",
    about: "The address it listens on. Any other than a loopback address needs HTTP_TOKEN_FILE.",
  }),
  HTTP_TOKEN_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about:
      "File with a token of at least 16 characters (mode 600) that a client sends as `Authorization: Bearer`; set, only /livez and the short /readyz are answered without it. Read again at each request.",
  }),
  HTTP_ALLOWED_HOSTS: entry({
    schema: z
      .string()
      .regex(/^[A-Za-z0-9.-]+(,[A-Za-z0-9.-]+)*$/, "host names separated by commas, without ports")
      .transform(text => text.toLowerCase().split(",")),
    unit: "name list",
    about: "Names that a request may call this server by, beside IP addresses and localhost.",
  }),
}
