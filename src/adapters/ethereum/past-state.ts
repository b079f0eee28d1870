import { NodeUnreachableError } from "./node-error.ts"

/**
 * Null where the node says that it cannot tell: most keep the state of the newest blocks only, and say so in words of
 * their own. Throws NodeUnreachableError when it does not answer at all.
 */
export async function ofThePast<T>(question: Promise<T>): Promise<T | null> {
  try {
    return await question
  } catch (error) {
    if (error instanceof NodeUnreachableError) throw error
    return null
  }
}
