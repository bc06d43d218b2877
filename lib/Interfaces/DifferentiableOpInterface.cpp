#include "raddle/Interfaces/DifferentiableOpInterface.h"

#include "raddle/Interfaces/DifferentiableOpInterface.cpp.inc"
