import { z } from "zod"

export interface Setting {
  readonly name: string
  readonly unit: string
  readonly fallback: string
  readonly about: string
}

export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]+$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine(value => value >= min && value <= max, `a whole number from ${min} to ${max}`)

export const url = (protocols: readonly string[], example: string) =>
  z.string().refine(text => {
    const parsed = URL.parse(text)
    return parsed !== null && protocols.includes(parsed.protocol)
  }, `a URL such as ${example}`)

export const urlList = (protocols: readonly string[], example: string) =>
  z
    .string()
    .refine(
      text => text.split(",").every(part => url(protocols, example).safeParse(part.trim()).success),
      `one URL, or several separated by commas, such as ${example}`,
    )

export const list = <const Name extends string>(names: readonly Name[]) =>
  z.string().transform((text, context) => {
    const parts = text
      .split(",")
      .map(part => part.trim())
      .filter(part => part !== "")
    const unknown = parts.filter(part => !(names as readonly string[]).includes(part))
    if (unknown.length > 0) {
      context.addIssue({ code: "custom", message: `names from ${names.join(", ")}, separated by commas` })
    }
    return new Set(parts as Name[])
  })

export const brokers = z
  .string()
  .transform(text => text.split(",").map(part => part.trim()))
  .refine(
    parts =>
      parts.every(part => /^[^\s:]+:[0-9]{1,5}$/.test(part) || /^\[[0-9a-f:]+\]:[0-9]{1,5}$/.test(part)),
    "host:port, several separated by commas, such as kafka-1:9092,kafka-2:9092",
  )

export const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address: 0x and 40 hex digits, as `reconciler deploy` prints it")

export const addresses = z
  .string()
  .transform(text => text.split(",").map(part => part.trim()))
  .refine(
    parts => parts.every(part => address.safeParse(part).success),
    "addresses, 0x and 40 hex digits each, separated by commas",
  )

export interface Entry<T> extends Omit<Setting, "name" | "fallback"> {
  readonly schema: z.ZodType<T, string>
  readonly fallback?: string
}
export const entry = <T>(value: Entry<T>): Entry<T> => value
