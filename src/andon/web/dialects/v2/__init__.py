"""
The dialect `v2`: the Open Inference Protocol over REST, as Triton, KServe and their clients speak it.

Source:
    https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and
    the extensions of https://github.com/triton-inference-server/server, docs/protocol.
"""
