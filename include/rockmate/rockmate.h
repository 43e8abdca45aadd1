// Everything at once.
#pragma once

#include "rockmate/error.h"
#include "rockmate/ids.h"
#include "rockmate/onnx.h"
#include "rockmate/plan.h"
#include "rockmate/schedule.h"
#include "rockmate/training_graph.h"
#include "rockmate/units.h"
