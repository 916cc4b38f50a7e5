/** Signing in: password, passkey or single sign-on; a second step; what has to be done first; then back to where one was. */
import type { ReactNode } from "react";
import { Navigate, useLocation } from "react-router";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { safeNext } from "../../core/url/codecs.ts";
import { useSession } from "../../hooks/useSession.ts";
import { FirstStep } from "./FirstStep.tsx";
import { LinkStep } from "./LinkStep.tsx";
import { MustStep } from "./MustStep.tsx";
import { ResetStep } from "./ResetStep.tsx";
import { SecondStep } from "./SecondStep.tsx";
import { useLoginFlow } from "./useLoginFlow.ts";

export function LoginPage(): ReactNode {
  const session = useSession();
  const flow = useLoginFlow();
  const next = safeNext(new URLSearchParams(useLocation().search).get("next"));
  if (session.isPending) return <Skeleton rows={4} />;
  if (session.isError) return <ErrorState error={session.error} onRetry={() => void session.refetch()} />;
  if (flow.resetToken) return <ResetStep flow={flow} />;
  if (flow.linkToken) return <LinkStep flow={flow} />;
  if (session.data.authenticated) {
    if (session.data.must) return <MustStep key={session.data.must} session={session.data} />;
    return <Navigate to={next} replace />;
  }
  if (flow.challenge) return <SecondStep key={flow.challenge.token} flow={flow} challenge={flow.challenge} />;
  return <FirstStep flow={flow} next={next} />;
}

export { LoginPage as Component };
