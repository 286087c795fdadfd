#!/bin/sh
# Create the namespace and its search attributes; safe to run again.
set -eu
until temporal operator cluster health >/dev/null 2>&1; do sleep 1; done
temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 \
  || temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention 720h
for attribute in Whale:Keyword MarketSlug:Keyword TokenId:Keyword Side:Keyword \
    Outcome:Keyword TradeState:Keyword NotionalUsd:Double; do
  temporal operator search-attribute create -n "$TEMPORAL_NAMESPACE" \
    --name "${attribute%%:*}" --type "${attribute##*:}" || true
done
