// What every file here shares: the gateway to ask, and the question.

export const baseURL = process.env.GATEWAY_URL;
export const apiKey = process.env.GATEWAY_KEY;
export const question = "why is the sky blue";
export const messages = [{ role: "user", content: question }];
export const answer = "primary answers: why is the sky blue";
export const fallback = "backup answers: why is the sky blue";
